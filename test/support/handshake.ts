import { createHash } from "node:crypto";

/** The key of RFC 6455, 1.3, whose accept value is known: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= */
export const sampleKey = "dGhlIHNhbXBsZSBub25jZQ==";

/** A list makes one line for each value, null leaves the header out. */
export type HeaderOverrides = Readonly<Record<string, string | readonly string[] | null>>;

export type HandshakeOptions = {
  method?: string;
  path?: string;
  httpVersion?: string;
  host?: string;
  key?: string;
  version?: string | number;
  protocols?: readonly string[];
  extensions?: string;
  /** Replaces, repeats, removes or adds headers; names match in any case. */
  headers?: HeaderOverrides;
};

/** A correct handshake request, except where the options say otherwise. */
export function handshakeRequest(options: HandshakeOptions = {}): string {
  const {
    method = "GET",
    path = "/",
    httpVersion = "1.1",
    host = "localhost",
    key = sampleKey,
    version = 13,
  } = options;
  const headers = new Map<string, readonly string[]>([
    ["Host", [host]],
    ["Upgrade", ["websocket"]],
    ["Connection", ["Upgrade"]],
    ["Sec-WebSocket-Key", [key]],
    ["Sec-WebSocket-Version", [String(version)]],
  ]);
  if (options.protocols !== undefined) headers.set("Sec-WebSocket-Protocol", [options.protocols.join(", ")]);
  if (options.extensions !== undefined) headers.set("Sec-WebSocket-Extensions", [options.extensions]);
  return requestText(`${method} ${path} HTTP/${httpVersion}`, headers, options.headers);
}

function requestText(
  requestLine: string,
  headers: Map<string, readonly string[]>,
  overrides: HeaderOverrides = {},
): string {
  for (const [name, value] of Object.entries(overrides)) {
    const present = [...headers.keys()].find((each) => each.toLowerCase() === name.toLowerCase()) ?? name;
    headers.set(present, value === null ? [] : typeof value === "string" ? [value] : value);
  }
  const lines = [...headers].flatMap(([name, values]) => values.map((value) => `${name}: ${value}\r\n`));
  return `${requestLine}\r\n${lines.join("")}\r\n`;
}

/** Computed here and not by the library, so that the two can disagree. */
export function acceptValue(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}
