/** What a parser found at the start of the bytes it was given, and how many of them it took. */
export type Parsed<T> = { value: T; sizeBytes: number };

/** How the other side's bytes came to an end; "destroyed" means that this side did it. */
export type Ending = "fin" | "reset" | "destroyed";

/** A response's head exactly as it stood on the wire, read as Latin-1: one character is one byte. */
export class ResponseHead {
  readonly statusLine: string;
  readonly status: number;
  readonly rawHeaders: readonly (readonly [name: string, value: string])[];

  constructor(statusLine: string, rawHeaders: (readonly [string, string])[]) {
    const match = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(statusLine);
    if (match === null) throw new Error(`not a status line: ${JSON.stringify(statusLine)}`);
    this.statusLine = statusLine;
    this.status = Number(match[1]);
    this.rawHeaders = rawHeaders;
  }

  /** All values under a name in any case, one for each line. */
  headers(name: string): string[] {
    return this.rawHeaders.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  }

  /** The one value under a name; throws at a second one, because a repeated header is never a detail. */
  header(name: string): string | undefined {
    const values = this.headers(name);
    if (values.length > 1) throw new Error(`${values.length} lines of ${name}: ${JSON.stringify(values)}`);
    return values[0];
  }
}

/** A whole response: `chunks` when it was chunked, `complete` false when the connection ended inside the body. */
export class RawResponse extends ResponseHead {
  readonly body: Buffer;
  readonly chunks: Buffer[] | undefined;
  readonly trailers: readonly (readonly [name: string, value: string])[];
  readonly complete: boolean;

  constructor(head: ResponseHead, content: Content) {
    super(head.statusLine, [...head.rawHeaders]);
    this.body = content.body;
    this.chunks = content.chunks;
    this.trailers = content.trailers ?? [];
    this.complete = content.complete;
  }

  get text(): string {
    return this.body.toString("utf8");
  }
}

/** One chunk; an empty payload is the terminator and comes with the trailers. */
export type Chunk = { payload: Buffer; trailers: (readonly [string, string])[] };

type Content = {
  body: Buffer;
  chunks?: Buffer[];
  trailers?: Chunk["trailers"];
  complete: boolean;
  sizeBytes: number;
};

export type ResponseOptions = { /** The request was HEAD: no body follows, whatever the head says. */ head?: boolean };

const empty = Buffer.alloc(0);

/** The head at the start of `bytes`, or undefined while it is unfinished. Throws at once when it cannot become one. */
export function parseHead(bytes: Buffer): Parsed<ResponseHead> | undefined {
  const start = bytes.toString("latin1", 0, 5);
  if (!"HTTP/".startsWith(start)) throw new Error(`not the start of a response: ${JSON.stringify(start)}`);
  const end = bytes.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const [statusLine = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  return { value: new ResponseHead(statusLine, lines.map(parseHeaderLine)), sizeBytes: end + 4 };
}

function parseHeaderLine(line: string): readonly [string, string] {
  const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\0]*?)[ \t]*$/.exec(line);
  if (match === null) throw new Error(`not a header line: ${JSON.stringify(line)}`);
  return [match[1] ?? "", match[2] ?? ""];
}

/** The chunk at the start of `bytes`, or undefined while it is unfinished. */
export function parseChunk(bytes: Buffer): Parsed<Chunk> | undefined {
  const lineEnd = bytes.indexOf("\r\n");
  if (lineEnd === -1) return undefined;
  const line = bytes.toString("latin1", 0, lineEnd);
  const match = /^([0-9A-Fa-f]+)(?:;.*)?$/.exec(line);
  if (match === null) throw new Error(`not the start of a chunk: ${JSON.stringify(line.slice(0, 200))}`);
  const payloadBytes = parseInt(match[1] ?? "", 16);
  const start = lineEnd + 2;
  if (payloadBytes === 0) return parseTrailers(bytes, start);
  const end = start + payloadBytes;
  if (bytes.length < end + 2) return undefined;
  if (bytes.toString("latin1", end, end + 2) !== "\r\n") throw new Error("a chunk is longer than it declared");
  return { value: { payload: Buffer.from(bytes.subarray(start, end)), trailers: [] }, sizeBytes: end + 2 };
}

function parseTrailers(bytes: Buffer, start: number): Parsed<Chunk> | undefined {
  const end = bytes.indexOf("\r\n\r\n", start - 2); // with no trailers the terminator's own line end is the first half
  if (end === -1) return undefined;
  const lines = bytes.toString("latin1", start, end).split("\r\n");
  const trailers = lines.filter((line) => line !== "").map(parseHeaderLine);
  return { value: { payload: empty, trailers }, sizeBytes: end + 4 };
}

/**
 * The response at the start of `bytes`, or undefined while more is needed. An interim response (1xx) counts as one of
 * its own. `ending` tells that no more will come, which ends a close-delimited body and cuts any other one short.
 */
export function parseResponse(
  bytes: Buffer,
  ending: Ending | undefined,
  options: ResponseOptions = {},
): Parsed<RawResponse> | undefined {
  const head = parseHead(bytes);
  if (head === undefined) return undefined;
  const rest = bytes.subarray(head.sizeBytes);
  const content = parseContent(head.value, rest, ending, options);
  if (content === undefined) return undefined;
  return { value: new RawResponse(head.value, content), sizeBytes: head.sizeBytes + content.sizeBytes };
}

function parseContent(
  head: ResponseHead,
  rest: Buffer,
  ending: Ending | undefined,
  options: ResponseOptions,
): Content | undefined {
  const { status } = head;
  const encoding = head.header("transfer-encoding");
  const length = head.header("content-length");
  if (encoding !== undefined && length !== undefined) throw new Error("both transfer-encoding and content-length");
  if (encoding !== undefined && encoding !== "chunked") throw new Error(`transfer-encoding: ${encoding}`);
  if (length !== undefined && !/^\d+$/.test(length)) throw new Error(`content-length: ${length}`);
  if (options.head === true || status < 200 || status === 204 || status === 304) {
    return { body: empty, complete: true, sizeBytes: 0 };
  }
  if (encoding !== undefined) return parseChunks(rest, ending);
  const wanted = length === undefined ? Infinity : Number(length);
  if (rest.length < wanted && ending === undefined) return undefined;
  const body = Buffer.from(rest.subarray(0, Math.min(wanted, rest.length)));
  const complete = length === undefined ? ending === "fin" : body.length === wanted;
  return { body, complete, sizeBytes: body.length };
}

function parseChunks(rest: Buffer, ending: Ending | undefined): Content | undefined {
  const chunks: Buffer[] = [];
  let offset = 0;
  for (;;) {
    const chunk = parseChunk(rest.subarray(offset));
    if (chunk === undefined) {
      if (ending === undefined) return undefined;
      return { body: Buffer.concat(chunks), chunks, complete: false, sizeBytes: rest.length };
    }
    offset += chunk.sizeBytes;
    const { payload, trailers } = chunk.value;
    if (payload.length === 0) {
      return { body: Buffer.concat(chunks), chunks, trailers, complete: true, sizeBytes: offset };
    }
    chunks.push(payload);
  }
}
