/**
 * The rows of the table of requests that two parties could read differently.
 *
 * `refused`: answered with this status, then the connection ends, and no handler sees it or anything behind it.
 * `served`: a handler sees it with this body, and a request behind it is answered, too.
 */
export type RequestCase = {
  readonly row: `S${number}`;
  readonly what: string;
  readonly bytes: string;
  readonly outcome: { readonly refused: number } | { readonly served: string; readonly closes?: boolean };
};

const good = "GET / HTTP/1.1\r\nHost: a\r\n";

const refused = (row: RequestCase["row"], what: string, bytes: string, status = 400): RequestCase => ({
  row,
  what,
  bytes,
  outcome: { refused: status },
});

const served = (row: RequestCase["row"], what: string, bytes: string, body = "", closes = false): RequestCase => ({
  row,
  what,
  bytes,
  outcome: { served: body, closes },
});

const post = (fields: string, body = ""): string => `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`;
const chunked = (body: string): string => post("Transfer-Encoding: chunked\r\n", body);
const shown = (text: string): string => JSON.stringify(text);

const transferEncodings = ["gzip", "identity", "xchunked", "chunked;q=1", "chunked, chunked"];
const badLengths = ["-1", "+1", "0x1", "1.0", "", "1,1", "1, 1"];
const badChunkSizes = ["-1", "+1", "0x1", "1 ", " 1", ""];
const badHosts = [
  "",
  "a b",
  "u@a",
  "a/b",
  "a\\b",
  "a:x",
  "a:-1",
  "a:65536",
  "a:99999",
  "999.1.1.1",
  "1.2.3.4.5",
  "[::zz]",
];
const forbiddenTrailers = [
  "Content-Length: 1",
  "Transfer-Encoding: chunked",
  "Host: b",
  "Connection: close",
  "Trailer: X",
  "Upgrade: h2c",
  "Authorization: x",
  "Proxy-Authorization: x",
  "Cookie: a=b",
  "Expect: 100-continue",
];
const badLines = [
  "a : 1",
  "no colon",
  ": 1",
  "A: a\0b",
  "A: a\x7fb",
  "A: a\x01b",
  "A: b\r\n folded",
  "A: b\r\n\tfolded",
];

export const requestCases: readonly RequestCase[] = [
  refused("S1", "TE before CL", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")),
  refused("S1", "CL before TE", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
  ...transferEncodings.map((value) =>
    refused("S2", `TE ${shown(value)}`, post(`Transfer-Encoding: ${value}\r\n`, "0\r\n\r\n")),
  ),
  refused("S2", "TE twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
  refused("S3", "TE gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")),
  ...["Chunked", "CHUNKED", "  chunked  "].map((value) =>
    served("S4", `TE ${shown(value)}`, post(`Transfer-Encoding:${value}\r\n`, "1\r\nx\r\n0\r\n\r\n"), "x"),
  ),
  refused("S4", "TE between tabs", post("Transfer-Encoding:\tchunked\t\r\n", "0\r\n\r\n")),
  ...badLengths.map((value) => refused("S5", `CL ${shown(value)}`, post(`Content-Length: ${value}\r\n`, "x"))),
  refused("S5", "CL twice, the same", post("Content-Length: 1\r\nContent-Length: 1\r\n", "x")),
  refused("S5", "CL twice, different", post("Content-Length: 1\r\nContent-Length: 2\r\n", "xy")),
  served("S6", "CL 01", post("Content-Length: 01\r\n", "x"), "x"),
  refused("S7", "CL 99999999999", post("Content-Length: 99999999999\r\n"), 413),
  refused("S7", "CL over 2^64", post("Content-Length: 99999999999999999999999\r\n")),
  ...badChunkSizes.map((size) => refused("S8", `chunk size ${shown(size)}`, chunked(`${size}\r\nx\r\n0\r\n\r\n`))),
  refused("S8", "a chunk longer than its size", chunked("1\r\nxy\r\n0\r\n\r\n")),
  refused("S8", "a bare LF behind the size", chunked("1\nx\r\n0\r\n\r\n")),
  refused("S8", "a bare LF behind the data", chunked("1\r\nx\n0\r\n\r\n")),
  refused("S8", "a bare LF at the end", chunked("1\r\nx\r\n0\n\n")),
  refused("S9", "chunk size over 2^64", chunked("fffffffffffffffff\r\nx")),
  served("S10", "a chunk extension", chunked("1;a=b\r\nx\r\n0\r\n\r\n"), "x"),
  ...forbiddenTrailers.map((line) => refused("S11", `trailer ${line}`, chunked(`1\r\nx\r\n0\r\n${line}\r\n\r\n`))),
  served("S12", "another trailer, which is in no header", chunked("1\r\nx\r\n0\r\nX-Late: 1\r\n\r\n"), "x"),
  refused("S13", "TE on HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
  refused("S14", "bare LF behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
  refused("S14", "bare LF behind a header", "GET / HTTP/1.1\r\nHost: a\n\r\n"),
  refused("S14", "bare LF everywhere", "GET / HTTP/1.1\nHost: a\n\n"),
  refused("S14", "CR without LF", "GET / HTTP/1.1\r\nHost: a\rA: b\r\n\r\n"),
  ...badLines.map((line) => refused("S15", `header line ${shown(line)}`, `${good}${line}\r\n\r\n`)),
  refused("S16", "no Host", "GET / HTTP/1.1\r\n\r\n"),
  served("S16", "no Host on HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "", true),
  refused("S17", "Host twice", `${good}Host: a\r\n\r\n`),
  ...badHosts.map((host) => refused("S17", `Host ${shown(host)}`, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)),
  ...["a:80", "[::1]", "[::1]:8080", "127.0.0.1:1", "a:65535"].map((host) =>
    served("S17", `Host ${host}`, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
  ),
  ...[" GET / HTTP/1.1", "GET\t/\tHTTP/1.1", "get / HTTP/1.1", "NONSENSE / HTTP/1.1", "GET / HTTP/1.1 "].map((line) =>
    refused("S19", `request line ${shown(line)}`, `${line}\r\nHost: a\r\n\r\n`),
  ),
  refused("S20", "HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
  refused("S20", "HTTP/0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
  refused("S20", "no version", "GET /\r\n\r\n"),
  refused("S21", "HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
  refused("S21", "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  ...["\x01", "\x1f", "\x7f", "\0"].map((character) =>
    refused("S22", `${shown(character)} in the target`, `GET /${character} HTTP/1.1\r\nHost: a\r\n\r\n`),
  ),
  refused("S23", "raw UTF-8 in the target", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
  served("S24", "an absolute target", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
  served("S24", "OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
  refused("S24", "an absolute target of another host", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
  served("S26", "QUERY", "QUERY / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "x"),
  refused("S27", "Expect: foo", `${good}Expect: foo\r\n\r\n`, 417),
  served(
    "S28",
    "Upgrade: h2c",
    `${good}Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAM\r\n\r\n`,
  ),
  refused("S29", "a request line of 10 000 bytes", `GET /${"a".repeat(9986)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414),
  served("S30", "headers of 17 KiB in total", `${good}${`A: ${"a".repeat(1000)}\r\n`.repeat(17)}\r\n`),
  // A standard Request has no body with GET: it is read, so that the next request begins behind it.
  served("S31", "GET with a body", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"),
  ...[7, 8, 12, 14].map((version) =>
    refused("S33", `WebSocket version ${version}`, webSocket("1.1", "websocket", "Upgrade", version), 426),
  ),
  refused("S34", "WebSocket over HTTP/1.0", webSocket("1.0", "websocket", "Upgrade")),
  refused("S36", "Upgrade: websocket without Connection: upgrade", webSocket("1.1", "websocket", "keep-alive")),
];

export function webSocket(httpVersion: string, upgrade: string, connection: string, version = 13): string {
  return (
    `GET / HTTP/${httpVersion}\r\nHost: a\r\nUpgrade: ${upgrade}\r\nConnection: ${connection}\r\n` +
    `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: ${version}\r\n\r\n`
  );
}
