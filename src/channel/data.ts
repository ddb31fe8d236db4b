import { invalidArgument, unknownName } from "./errors.ts";
import { bytesOf, type Message } from "./message.ts";
import { isPlainObject } from "./plain-object.ts";

/** A source that is read to its end while it is sent, one chunk for each piece it yields. */
export type StreamBody = ReadableStream<Uint8Array | string> | AsyncIterable<Uint8Array | string>;

/**
 * What a response or a message can be made of.
 *
 * `null` is empty. A sequence is the concatenation of its elements: bytes as they are, anything else as its string form.
 * A `Blob` is the way to send a file (`fs.openAsBlob`); a Node stream is a `StreamBody`.
 */
export type Body = null | undefined | string | Uint8Array | ArrayBuffer | Blob | readonly unknown[] | StreamBody;

/** Sent as its string form; null and undefined leave the line out. */
export type HeaderValue = string | number | boolean | null | undefined;

/** Header fields: an object (a list gives one line an element, null leaves the field out), pairs, or a `Headers`. */
export type HeaderFields =
  | Readonly<Record<string, HeaderValue | readonly HeaderValue[]>>
  | Iterable<readonly [string, string]>;

/** What a channel sends: a body alone, or an answer with status and headers, which only HTTP can carry. */
export type Data = Body | Answer;

/** The first send of an HTTP exchange in full. Later sends and WebSockets use the body only. */
export type Answer = {
  /** 200 to 999. Default: 200. */
  readonly status?: number;
  /** Default: none but a `Content-Type` of HTML. How the body is framed is the server's: such fields are dropped. */
  readonly headers?: HeaderFields;
  /** Default: empty. */
  readonly body?: Body;
};

/** A body in the two forms in which transports take it. Undefined: nothing to send. */
export type NormalBody = Message | StreamBody | undefined;

const allowed =
  "a string, bytes (Uint8Array or ArrayBuffer), a Blob, a stream, an array, null, or { status, headers, body }";

/** What is expected in the place of a promise: what was forgotten is nearly always to await it. */
export const awaited = "the value of a promise: await it first";

/** Tells an answer from a body. Throws for a plain object that is neither, which is nearly always forgotten JSON. */
export function isAnswer(data: Data): data is Answer {
  if (!isPlainObject(data) || Symbol.asyncIterator in data) return false;
  for (const key of Object.keys(data)) {
    if (key !== "status" && key !== "headers" && key !== "body") {
      throw unknownName("data", `${allowed}; use JSON.stringify for other objects`, key);
    }
  }
  return true;
}

/** Brings a body into the form in which it is sent. Throws `INVALID_ARGUMENT` for what no transport can carry. */
export function normaliseBody(body: Body): NormalBody {
  if (body === null || body === undefined) return undefined;
  if (typeof body === "string") return body;
  if (isBytes(body)) return readableBytes("data", body);
  if (body instanceof Blob) return body.stream();
  if (Array.isArray(body)) return concatenate(body);
  if (isStream(body)) {
    if (body instanceof ReadableStream && body.locked) {
      throw invalidArgument("data", "a stream that nobody else reads", body);
    }
    return body;
  }
  throw invalidArgument("data", (body as unknown) instanceof Promise ? awaited : allowed, body);
}

export function isBytes(value: unknown): value is Uint8Array | ArrayBuffer {
  return value instanceof Uint8Array || value instanceof ArrayBuffer;
}

/**
 * Bytes that are there. Throws `INVALID_ARGUMENT` for those of a buffer that was transferred to another thread, and for a
 * proxy: found out only when they are encoded, they would leave a channel that takes nothing more and never ends.
 */
export function readableBytes(argument: string, value: Uint8Array | ArrayBuffer): Uint8Array {
  try {
    const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
    // Those that are gone have no length; whether an empty one is gone shows when it is looked at. Node 20 does not tell.
    if (bytes.length === 0) void new Uint8Array(bytes.buffer);
    return bytes;
  } catch (cause) {
    throw invalidArgument(argument, "bytes that are still there", value, { cause });
  }
}

/** Whether a normal body has to be read piece by piece. */
export function isStream(body: unknown): body is StreamBody {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}

function concatenate(elements: readonly unknown[]): Message {
  const hasBytes = elements.some((element) => element instanceof Uint8Array);
  if (!hasBytes) return elements.map(textOf).join("");
  const bytesOfElement = (element: unknown): Uint8Array =>
    element instanceof Uint8Array ? readableBytes("data", element) : bytesOf(textOf(element));
  return Buffer.concat(elements.map(bytesOfElement));
}

function textOf(element: unknown): string {
  if (element === null || element === undefined) return "";
  const expected = "an array whose elements have a string form";
  if (typeof element === "symbol" || typeof element === "function") throw invalidArgument("data", expected, element);
  try {
    // oxlint-disable-next-line typescript/no-base-to-string -- the string form is what the caller asked for
    return String(element);
  } catch (cause) {
    // An object without a prototype has none.
    throw invalidArgument("data", expected, element, { cause });
  }
}

/** One piece of a stream as bytes. Throws for what is neither text nor bytes. */
export function chunkBytes(chunk: unknown): Buffer {
  if (typeof chunk === "string" || chunk instanceof Uint8Array) return bytesOf(chunk);
  throw invalidArgument("a piece of a stream", "text or bytes", chunk);
}
