import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import {
  type Channel,
  type ChannelError,
  type RequestHandler,
  serve,
  type ServeOptions,
  withChannel,
} from "../../src/index.ts";
import { toBytes } from "../support/bytes.ts";
import { Condition } from "../support/condition.ts";
import { parseResponse, type RawResponse } from "../support/http-response.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";

/** Length of a Date value (RFC 9110 §5.6.7), for which `<date>` stands in expected bytes. */
const datePlaceholder = "Mon, 01 Jan 2001 00:00:00 GMT";

/** A server under test: what it was asked, what became of its channels, and what it reported. */
export type Stage = {
  readonly port: number;
  /** `request` and `close`, each with the path; `close` with status and detail, too. */
  readonly log: Recorder;
  readonly errors: ChannelError[];
  /** Paths of the requests that reached the handler, in order. */
  paths(): string[];
  /** The channel that a request to this path parked, once it has. */
  channel(path: string): Promise<Channel>;
  connect(): Promise<RawClient>;
};

/**
 * Starts a server that ends with the test.
 *
 * `/now/TEXT` is answered with the text; any other path goes to `handler`, without one its channel is parked under the path.
 */
export async function setStage(
  t: TestContext,
  handler?: (request: Request, path: string) => ReturnType<RequestHandler> | undefined,
  options: ServeOptions = {},
): Promise<Stage> {
  const log = new Recorder();
  const errors: ChannelError[] = [];
  const channels = new Map<string, Channel>();
  const condition = new Condition();
  const clients: RawClient[] = [];
  const park = (request: Request, path: string): Response =>
    withChannel(request, (channel) => {
      channels.set(path, channel);
      channel.onClose((status, detail) => log.record("close", path, status, detail, channel.isOpen));
      condition.changed();
    });
  const server = await serve(
    (request) => {
      const path = new URL(request.url).pathname;
      log.record("request", path);
      if (path.startsWith("/now/")) return new Response(path.slice(5));
      return handler?.(request, path) ?? park(request, path);
    },
    { port: 0, onError: (error) => errors.push(error), ...options },
  );
  t.after(async () => {
    for (const client of clients) client.destroy();
    await server.stop({ timeoutMs: 0 });
  });
  return {
    port: server.port,
    log,
    errors,
    paths: () => log.of("request").map(({ args }) => String(args[0])),
    channel: (path) =>
      condition.until(() => channels.get(path), {
        timeoutMs: 2000,
        atTimeout: () => assert.fail(`${path} was not parked; requests: ${JSON.stringify(log.of("request"))}`),
      }),
    connect: async () => {
      const client = await connectRaw(server.port, { tls: options.tls !== undefined });
      clients.push(client);
      return client;
    },
  };
}

/** Connects, sends `GET path`, and waits for the channel that this parks. */
export async function parkOne(
  stage: Stage,
  path = "/parked",
  request: string = get(path),
): Promise<{ client: RawClient; channel: Channel }> {
  const client = await stage.connect();
  client.write(request);
  return { client, channel: await stage.channel(path) };
}

export function get(path: string, ...lines: string[]): string {
  return requestText(`GET ${path} HTTP/1.1`, ["Host: localhost", ...lines]);
}

export function head(path: string, ...lines: string[]): string {
  return requestText(`HEAD ${path} HTTP/1.1`, ["Host: localhost", ...lines]);
}

export function post(path: string, body: string, ...lines: string[]): string {
  const length = Buffer.byteLength(body, "latin1");
  return `${requestText(`POST ${path} HTTP/1.1`, ["Host: localhost", `Content-Length: ${length}`, ...lines])}${body}`;
}

export function get10(path: string, ...lines: string[]): string {
  return requestText(`GET ${path} HTTP/1.0`, lines);
}

function requestText(requestLine: string, lines: string[]): string {
  return [requestLine, ...lines, "", ""].join("\r\n");
}

/** The next bytes must be these, to the last one; `<date>` stands for any date. */
export async function expectWire(client: RawClient, expected: string): Promise<void> {
  const wanted = toBytes(expected.replaceAll("<date>", datePlaceholder));
  // A response that is too short shows more of itself in the failure than that bytes are missing.
  const bytes = await client.read("expected response", (unread, ending) => {
    if (unread.length < wanted.length && ending === undefined) return undefined;
    const sizeBytes = Math.min(wanted.length, unread.length);
    return { value: Buffer.from(unread.subarray(0, sizeBytes)), sizeBytes };
  });
  assert.equal(maskDates(bytes), maskDates(wanted));
}

function maskDates(bytes: Buffer): string {
  return bytes.toString("latin1").replaceAll(/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/g, "<date>");
}

let probeCount = 0;

/** Sends one more request: its answer, and nothing before it, proves that the connection is usable and in step. */
export async function expectReusable(client: RawClient): Promise<void> {
  assert.equal(client.unread.length, 0, `unread bytes before the next request: ${client.unread.toString("latin1")}`);
  const text = `probe-${++probeCount}`;
  client.write(get(`/now/${text}`));
  const response = await client.readResponse();
  assert.equal(response.status, 200);
  assert.equal(response.text, text);
}

/** A large chunked response: looked for by its end, since parsing it again and again as it comes takes long. */
export async function readLargeStream(client: RawClient): Promise<RawResponse> {
  const end = "\r\n0\r\n\r\n";
  const isWhole = (unread: Buffer): boolean => unread.subarray(-end.length).toString("latin1") === end;
  const parsed = parseResponse(await client.readUntil(isWhole, { timeoutMs: 10_000 }), undefined);
  assert.ok(parsed);
  return parsed.value;
}

/** Payloads of the chunks up to the last chunk, as text. */
export async function readChunks(client: RawClient): Promise<string[]> {
  const chunks: string[] = [];
  for (;;) {
    const chunk = await client.readChunk();
    if (chunk.length === 0) return chunks;
    chunks.push(chunk.toString("utf8"));
  }
}
