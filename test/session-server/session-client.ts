import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { encodeControl } from "../../src/protocol/control-codec.ts";
import type { AttachRecord, ControlRecord } from "../../src/protocol/control-record.ts";
import { encodeCredentials, protocolField, sessionField } from "../../src/protocol/http-fields.ts";
import { encodeRecord, RecordDecoder, type SessionRecord } from "../../src/protocol/record-codec.ts";
import { opcodes, parseFrame } from "../support/frames.ts";
import { connectRaw, type RawClient, type RawResponse } from "../support/raw-client.ts";
import { openWebSocket, type OpenWebSocketOptions, type RawWebSocket } from "../support/websocket-client.ts";

export type AttachedRecord = Extract<ControlRecord, { type: "attached" }>;

const escape = Buffer.from([0x82, 0x00]);

/** A new key, as a client makes one for each session that it asks for. */
export function createKey(): string {
  return randomBytes(16).toString("base64url");
}

/** An attach of a client that has nothing, or that comes back with what an answer gave it. */
export function attachRecord(attach: number, fields: Partial<AttachRecord> = {}): AttachRecord {
  return { type: "attach", attach, received: 0, key: createKey(), ...fields };
}

/** What an answer gives its client for the next attach. */
export function credentialsOf({ session, secret }: AttachedRecord): { session: string; secret: string } {
  return { session, secret };
}

/** A WebSocket that speaks the session protocol as a test tells it to. */
export class SessionWebSocket {
  readonly socket: RawWebSocket;

  constructor(socket: RawWebSocket) {
    this.socket = socket;
  }

  static async open(port: number, options: OpenWebSocketOptions = {}): Promise<SessionWebSocket> {
    return new SessionWebSocket(await openWebSocket(port, "/", { protocols: ["channelkit.1"], ...options }));
  }

  control(record: ControlRecord): void {
    this.socket.sendBinary("");
    this.socket.sendText(encodeControl(record));
  }

  send(...messages: (string | Uint8Array)[]): void {
    for (const message of messages) {
      if (typeof message === "string") this.socket.sendText(message);
      else this.socket.sendBinary(message);
    }
  }

  /** The next message or control record. */
  async next(): Promise<string | Buffer | ControlRecord> {
    const message = await this.socket.nextMessage();
    if (typeof message === "string" || message.length > 0) return message;
    const text = await this.socket.nextMessage();
    return JSON.parse(String(text)) as ControlRecord;
  }

  async nextControl<Type extends ControlRecord["type"]>(type: Type): Promise<Extract<ControlRecord, { type: Type }>> {
    const record = await this.next();
    assert.ok(
      typeof record === "object" && "type" in record && record.type === type,
      `${type} and not ${JSON.stringify(record)}`,
    );
    return record as Extract<ControlRecord, { type: Type }>;
  }

  async attach(record: AttachRecord): Promise<AttachedRecord> {
    this.control(record);
    return this.nextControl("attached");
  }

  /** The bytes of the next frame as they came. */
  async nextFrameBytes(): Promise<Buffer> {
    return (await this.socket.client.read("frame", parseFrame)).bytes;
  }
}

/** What a response of the session protocol says. */
export type Answer = {
  readonly status: number;
  readonly records: readonly SessionRecord[];
  readonly response: RawResponse;
};

type Credentials = { readonly session: string; readonly secret: string };

export type PostOptions = {
  readonly credentials?: Credentials | undefined;
  /** Null leaves a field out. */
  readonly fields?: Readonly<Record<string, string | null>>;
};

/** The head and body of a request of the session protocol. */
export function post(records: readonly SessionRecord[], { credentials, fields = {} }: PostOptions = {}): Buffer {
  const body = Buffer.concat(records.map((record) => encodeRecord(record)));
  const all: Record<string, string | null> = {
    Host: "localhost",
    [protocolField]: "1",
    "Content-Type": "application/octet-stream",
    "Content-Length": String(body.length),
    ...(credentials === undefined
      ? {}
      : { [sessionField]: encodeCredentials(credentials.session, credentials.secret) }),
    ...fields,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}\r\n`]));
  return Buffer.concat([Buffer.from(`POST / HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1"), body]);
}

/** A connection for requests of the session protocol, one after the other. */
export class SessionRequester {
  readonly client: RawClient;

  constructor(client: RawClient) {
    this.client = client;
  }

  static async connect(port: number): Promise<SessionRequester> {
    return new SessionRequester(await connectRaw(port));
  }

  /** Sends a request and reads the whole response. */
  async ask(records: readonly SessionRecord[], options?: PostOptions): Promise<Answer> {
    this.client.write(post(records, options));
    return this.answer();
  }

  async answer(options?: { readonly timeoutMs: number }): Promise<Answer> {
    const response = await this.client.readResponse(options);
    const isOfProtocol = response.header("content-type") === "application/octet-stream";
    return { status: response.status, records: isOfProtocol ? recordsOf(response.body) : [], response };
  }

  /** Sends a request whose response goes on: {@link nextRecord} reads it. */
  async stream(records: readonly SessionRecord[], options?: PostOptions): Promise<AttachedRecord> {
    this.client.write(post(records, options));
    const head = await this.client.readHead();
    assert.equal(head.status, 200);
    const [attached] = await this.nextRecords();
    assert.ok(isControl(attached) && attached.type === "attached");
    return attached;
  }

  /** The records of the next chunk of a stream, but for the second tick, which comes when it comes. */
  async nextRecords(): Promise<SessionRecord[]> {
    const all = await this.nextChunk();
    const records = all.filter((record) => !isControl(record) || record.type !== "tick");
    return records.length > 0 ? records : this.nextRecords();
  }

  /** All records of the next chunk of a stream. */
  async nextChunk(): Promise<SessionRecord[]> {
    return recordsOf(await this.client.readChunk());
  }
}

function recordsOf(body: Uint8Array): SessionRecord[] {
  const records: SessionRecord[] = [];
  const decoder = new RecordDecoder(2 ** 24, (record) => records.push(record));
  assert.equal(decoder.push(body), undefined);
  assert.ok(decoder.isBetweenRecords);
  return records;
}

export function isControl(record: SessionRecord | undefined): record is ControlRecord {
  return typeof record === "object" && "type" in record;
}

/** The frames of a control record, as a server writes them. */
export function controlFrames(record: ControlRecord): Buffer {
  const text = Buffer.from(encodeControl(record));
  assert.ok(text.length < 126);
  return Buffer.concat([escape, Buffer.from([0x80 | opcodes.text, text.length]), text]);
}
