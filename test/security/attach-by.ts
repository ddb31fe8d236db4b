import type { AttachRecord } from "../../src/protocol/control-record.ts";
import {
  attachRecord,
  type AttachedRecord,
  isControl,
  post,
  SessionWebSocket,
} from "../session-server/session-client.ts";
import { RecordDecoder, type SessionRecord } from "../../src/protocol/record-codec.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { RawWebSocket } from "../support/websocket-client.ts";
import { opcodes, parseClosePayload } from "../support/frames.ts";

/** What can carry a session. */
export const transports = ["websocket", "stream", "poll"] as const;
export type Transport = (typeof transports)[number];

export type Attempt = {
  /** Of the response; 101 for a WebSocket that was opened. */
  readonly status: number;
  /** With which code the attach was refused. */
  readonly code?: number | undefined;
  readonly attached?: AttachedRecord;
  readonly client: RawClient;
  /** Of a WebSocket that carries the session. */
  readonly socket?: SessionWebSocket;
};

type Given = {
  readonly record?: Partial<AttachRecord>;
  /** Of the request, the Origin among them. Null leaves one out. */
  readonly fields?: Readonly<Record<string, string | null>>;
};

/** Attaches over a transport, with what a client puts into the record over a WebSocket and into fields over HTTP. */
export async function attachBy(transport: Transport, port: number, given: Given = {}): Promise<Attempt> {
  return transport === "websocket" ? attachOverSocket(port, given) : attachOverHttp(transport, port, given);
}

async function attachOverSocket(port: number, { record = {}, fields = {} }: Given): Promise<Attempt> {
  const client = await connectRaw(port);
  client.write(handshakeRequest({ protocols: ["channelkit.1"], headers: fields }));
  const response = await client.readHead();
  const { status } = response;
  if (status !== 101) return { status, client };
  const socket = new SessionWebSocket(new RawWebSocket(client, response));
  socket.control(attachRecord(record.attach ?? 1, record));
  const frame = await socket.socket.nextFrame();
  if (frame.opcode === opcodes.close) return { status, client, code: parseClosePayload(frame.payload).code };
  const attached = JSON.parse(String(await socket.socket.nextMessage())) as AttachedRecord;
  return { status, client, attached, socket };
}

async function attachOverHttp(
  mode: "stream" | "poll",
  port: number,
  { record = {}, fields = {} }: Given,
): Promise<Attempt> {
  const { token, session, secret, ...rest } = record;
  const credentials = session === undefined || secret === undefined ? undefined : { session, secret };
  const authorization = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const client = await connectRaw(port);
  const asked = attachRecord(record.attach ?? 1, { ...rest, mode });
  client.write(post([asked], { credentials, fields: { ...authorization, ...fields } }));
  const head = await client.readHead();
  const { status } = head;
  const length = head.header("content-length");
  const body = await (length === undefined ? client.readChunk() : client.readBytes(Number(length)));
  if (head.header("content-type") !== "application/octet-stream") return { status, client };
  const [first] = recordsOf(body);
  if (isControl(first) && first.type === "attached") return { status, client, attached: first };
  return { status, client, code: isControl(first) && first.type === "detach" ? first.code : undefined };
}

function recordsOf(body: Uint8Array): SessionRecord[] {
  const records: SessionRecord[] = [];
  new RecordDecoder(2 ** 24, (record) => records.push(record)).push(body);
  return records;
}
