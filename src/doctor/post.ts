import {
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestHttp,
} from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import type { Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import {
  encodeCredentials,
  protocolField,
  protocolVersion,
  type SessionCredentials,
  sessionField,
} from "../protocol/http-fields.ts";
import { encodeRecord, RecordDecoder, type SessionRecord } from "../protocol/record-codec.ts";
import { Arrivals, notOfProtocol } from "./arrivals.ts";
import type { Target } from "./target.ts";

/** There was no answer. `code` is that of the system, `TIMEOUT` behind a connection, `ETIMEDOUT` without one. */
export type Failure = {
  readonly what: "failure";
  readonly code: string;
  readonly text: string;
  readonly afterMs: number;
};

/** The head of an answer, and what comes behind it. */
export type Reply = {
  readonly what: "reply";
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly httpVersion: string;
  /** When the request was begun, and how long its head took to come. */
  readonly askedAtMs: number;
  readonly headMs: number;
  readonly arrivals: Arrivals;
  /** Lets go of the connection, whatever may still come over it. */
  hangUp(): void;
};

export type PostOptions = {
  readonly limitMs: number;
  readonly method?: "POST" | "OPTIONS";
  readonly credentials?: SessionCredentials | undefined;
  /** Fields of this request alone. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sees each record as it comes, messages too. */
  readonly take?: ((record: SessionRecord) => void) | undefined;
};

/** Most bytes of one message that is read. Servers take 1 MiB by default. */
export const mostRecordBytes: number = 16 * 1024 * 1024;

/**
 * Who refuses a large body by its length answers as soon as the head is there, and closes. If the body were on its way
 * by then, the reset would take the answer with it (RFC 9112 §9.6).
 */
const largeBytes = 64 * 1024;
const headStartMs = 200;

/** No object: a peer may name any member that objects have, such as `constructor`. */
const decompressors: ReadonlyMap<string, () => NodeJS.ReadWriteStream & Readable> = new Map([
  ["gzip", createGunzip],
  ["deflate", createInflate],
  ["br", createBrotliDecompress],
]);

/** One request of the protocol, as a browser sends it, over a connection of its own. Never rejects. */
export function post(
  target: Target,
  records: readonly SessionRecord[],
  options: PostOptions,
): Promise<Reply | Failure> {
  const { url } = target;
  const { limitMs, method = "POST", take } = options;
  const isSecure = url.protocol === "https:";
  // Its connection is kept as long as a browser would keep it, and for no other request, which could find it closed.
  const agent = new (isSecure ? HttpsAgent : HttpAgent)({ keepAlive: true });
  const body = Buffer.concat(records.map((record) => encodeRecord(record)));
  const askedAtMs = performance.now();
  const headers = fieldsOf(target, options, body.length);
  const request = (isSecure ? requestHttps : requestHttp)(url, { method, agent, headers });
  const hangUp = (): void => {
    request.destroy();
    agent.destroy();
  };
  return new Promise((resolve) => {
    const fail = (code: string, text: string): void => {
      clearTimeout(timer);
      clearTimeout(sending);
      hangUp();
      resolve({ what: "failure", code, text, afterMs: performance.now() - askedAtMs });
    };
    let isConnected = false;
    request.once("socket", (socket) => socket.once("connect", () => (isConnected = true)));
    const timer = setTimeout(() => fail(isConnected ? "TIMEOUT" : "ETIMEDOUT", "no answer"), limitMs);
    // Stays for the whole response: what comes behind its head is told by the arrivals.
    request.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? "", error.message));
    request.once("response", (response) => {
      clearTimeout(timer);
      clearTimeout(sending);
      const { statusCode: status = 0, headers: answered, httpVersion } = response;
      const headMs = performance.now() - askedAtMs;
      const arrivals = readArrivals(response, take);
      resolve({ what: "reply", status, headers: answered, httpVersion, askedAtMs, headMs, arrivals, hangUp });
    });
    let sending: NodeJS.Timeout | undefined;
    if (body.length < largeBytes) request.end(body);
    else {
      request.flushHeaders();
      sending = setTimeout(() => request.end(body), headStartMs);
    }
  });
}

function fieldsOf(
  { headers: given, token }: Target,
  { method, credentials, headers }: PostOptions,
  bodyBytes: number,
): OutgoingHttpHeaders {
  const ofPost = {
    "content-type": "application/octet-stream",
    "content-length": bodyBytes,
    [protocolField]: protocolVersion,
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(credentials && { [sessionField]: encodeCredentials(credentials.session, credentials.secret) }),
  };
  return {
    accept: "*/*",
    "accept-encoding": [...decompressors.keys()].join(", "),
    ...given,
    ...(method === "OPTIONS" ? {} : ofPost),
    ...headers,
  };
}

function readArrivals(response: IncomingMessage, take: PostOptions["take"]): Arrivals {
  const arrivals = new Arrivals();
  const decoder = new RecordDecoder(mostRecordBytes, (record) => {
    take?.(record);
    arrivals.take(record);
  });
  const decompressor = decompressors.get(response.headers["content-encoding"] ?? "")?.();
  const body: Readable = decompressor === undefined ? response : response.pipe(decompressor);
  response.on("data", () => arrivals.heard());
  body.on("data", (chunk: Buffer) => {
    const fault = decoder.push(chunk);
    if (fault !== undefined) arrivals.finish(undefined, notOfProtocol);
  });
  body.on("end", () => arrivals.finish(undefined, "the response ended"));
  for (const stream of new Set([response, body])) {
    stream.on("error", (error: Error) => arrivals.finish(undefined, error.message));
  }
  response.on("close", () => {
    // What is complete may still have to be decompressed.
    if (!response.complete) arrivals.finish(undefined, "the connection ended");
  });
  return arrivals;
}
