import assert from "node:assert/strict";
import { join } from "node:path";
import { type RunningProgram, runProgram } from "../support/child.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { openWebSocket, type RawWebSocket } from "../support/websocket-client.ts";

export type Kind = "websocket" | "http-streaming" | "long-polling";
export type RoomEvent = { type: string; name: string; kind: Kind; text?: string; status?: string; code?: number };
export type Batch = {
  position: string;
  recovered: boolean;
  people: { name: string; kind: Kind }[];
  events: RoomEvent[];
};

export type Demo = { program: RunningProgram; url: string; port: number };

export const demoFile: string = join(import.meta.dirname, "..", "..", "..", "demo", "server.js");
const readyPattern: RegExp = /^The demonstration runs at (http:\/\/127\.0\.0\.1:(\d+)) /;

/** The demonstration in a process of its own, on a free port unless one is given. */
export async function startDemo(port = 0): Promise<Demo> {
  const program = await runProgram(demoFile, { env: { PORT: String(port) }, readyPattern });
  const [, url, boundPort] = program.ready ?? [];
  assert.ok(url !== undefined);
  return { program, url, port: Number(boundPort) };
}

/** Ends it, and checks that it said nothing but what it says when all is well. */
export async function stopDemo({ program, url }: Demo): Promise<void> {
  const exit = await program.stop();
  const stopping = "Stopping. Once more ends it at once.\nStopped.\n";
  assert.equal(program.output(), `The demonstration runs at ${url} (end it with Ctrl+C)\n${stopping}`);
  assert.deepEqual(exit, { code: 0, signal: null });
}

export type PollOptions = { since?: string | undefined; wait?: number };

/** One poll. The batch is undefined for an answer without content. */
export async function poll(
  { url }: Demo,
  name: string,
  { since, wait }: PollOptions = {},
): Promise<{ status: number; batch: Batch | undefined }> {
  const query = new URLSearchParams({ name });
  if (since !== undefined) query.set("since", since);
  if (wait !== undefined) query.set("wait", String(wait));
  const response = await fetch(`${url}/room?${query.toString()}`);
  const text = await response.text();
  return { status: response.status, batch: text === "" ? undefined : (JSON.parse(text) as Batch) };
}

/** A poll that must be answered with a batch. */
export async function pollBatch(demo: Demo, name: string, options?: PollOptions): Promise<Batch> {
  const { status, batch } = await poll(demo, name, options);
  assert.equal(status, 200);
  assert.ok(batch !== undefined);
  return batch;
}

/** A member of the room with a stream, which must be what the answer is. */
export class StreamMember {
  readonly client: RawClient;

  private constructor(client: RawClient) {
    this.client = client;
  }

  static async open({ port }: Demo, name: string): Promise<StreamMember> {
    const client = await connectRaw(port);
    const target = `/room?kind=http-streaming&name=${encodeURIComponent(name)}`;
    client.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    const head = await client.readHead();
    assert.equal(head.status, 200);
    assert.equal(head.header("content-type"), "application/x-ndjson; charset=utf-8");
    assert.equal((await client.readChunk()).toString(), "\n");
    return new StreamMember(client);
  }

  async nextBatch({ timeoutMs = 2000 } = {}): Promise<Batch> {
    const line = (await this.client.readChunk({ timeoutMs })).toString();
    assert.match(line, /^[^\n]+\n$/);
    return JSON.parse(line) as Batch;
  }
}

export function openSocket({ port }: Demo, name: string): Promise<RawWebSocket> {
  return openWebSocket(port, `/room?name=${encodeURIComponent(name)}`);
}

/** The next record of a WebSocket: a batch, or `{ error }`. */
export async function nextRecord<Shape = Batch>(socket: RawWebSocket): Promise<Shape> {
  const message = await socket.nextMessage();
  assert.equal(typeof message, "string");
  return JSON.parse(message.toString()) as Shape;
}

export function post(demo: Demo, path: string, body: unknown): Promise<Response> {
  const headers = { "Content-Type": "application/json" };
  return fetch(`${demo.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Posts a message of somebody who is in the room. */
export async function say(demo: Demo, name: string, kind: Kind, text: string): Promise<void> {
  const response = await post(demo, "/messages", { name, kind, text });
  assert.equal(response.status, 204, await response.text());
}

export function textsOf({ events }: Batch): string[] {
  return events.filter(({ type }) => type === "message").map(({ text }) => text ?? "");
}
