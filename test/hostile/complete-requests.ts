/** A request as an observer reads it from the bytes alone. */
export type CompleteRequest = { readonly method: string; readonly target: string };

type Fields = readonly (readonly [name: string, value: string])[];
type Body = { readonly sizeBytes: number };

const headLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) +(\S+) +HTTP\/1\.([01])$/;
// oxlint-disable-next-line no-control-regex -- what may not stand in a value
const fieldLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\u0000-\u0008\u000a-\u001f\u007f]*)$/;

/**
 * The complete, valid HTTP/1 requests at the start of what a client sent, up to the first that is not.
 *
 * Written from RFC 9112 and not from the library, so that the two can disagree. It allows what the library may refuse, so
 * its list is the most that handlers may see.
 */
export function completeRequests(bytes: Buffer): CompleteRequest[] {
  const requests: CompleteRequest[] = [];
  let rest = bytes.toString("latin1");
  for (;;) {
    rest = rest.replace(/^(?:\r\n)+/, "");
    const headEnd = rest.indexOf("\r\n\r\n");
    if (headEnd === -1) return requests;
    const [first = "", ...lines] = rest.slice(0, headEnd).split("\r\n");
    const [, method, target, minor] = headLine.exec(first) ?? [];
    const fields = parseFields(lines);
    if (method === undefined || target === undefined || minor === undefined || fields === undefined) return requests;
    const body = parseBody(rest.slice(headEnd + 4), fields, minor);
    if (body === undefined || valuesOf(fields, "host").length > 1) return requests;
    if (minor === "1" && valuesOf(fields, "host").length === 0) return requests;
    requests.push({ method, target });
    if (isLast(fields, minor)) return requests;
    rest = rest.slice(headEnd + 4 + body.sizeBytes);
  }
}

function parseFields(lines: readonly string[]): Fields | undefined {
  const fields: [string, string][] = [];
  for (const line of lines) {
    const [, name, value] = fieldLine.exec(line) ?? [];
    if (name === undefined || value === undefined) return undefined;
    fields.push([name.toLowerCase(), value.trim()]);
  }
  return fields;
}

function valuesOf(fields: Fields, name: string): string[] {
  return fields.filter(([each]) => each === name).map(([, value]) => value);
}

function hasToken(fields: Fields, name: string, token: string): boolean {
  return valuesOf(fields, name).some((value) =>
    value
      .toLowerCase()
      .split(/[\s,]+/)
      .includes(token),
  );
}

/** What follows belongs to no further request: the client said so, or the connection becomes a WebSocket. */
function isLast(fields: Fields, minor: string): boolean {
  if (hasToken(fields, "upgrade", "websocket") || hasToken(fields, "connection", "close")) return true;
  return minor === "0" && !hasToken(fields, "connection", "keep-alive");
}

function parseBody(rest: string, fields: Fields, minor: string): Body | undefined {
  const lengths = valuesOf(fields, "content-length");
  const codings = valuesOf(fields, "transfer-encoding");
  if (lengths.length + codings.length > 1) return undefined;
  const [length] = lengths;
  const [coding] = codings;
  if (length !== undefined) {
    return /^\d+$/.test(length) && Number(length) <= rest.length ? { sizeBytes: Number(length) } : undefined;
  }
  if (coding === undefined) return { sizeBytes: 0 };
  return coding.toLowerCase() === "chunked" && minor === "1" ? parseChunks(rest) : undefined;
}

function parseChunks(rest: string): Body | undefined {
  let offset = 0;
  for (;;) {
    const lineEnd = rest.indexOf("\r\n", offset);
    const [, size] = /^([0-9A-Fa-f]+)(?:[ \t]*;.*)?$/.exec(rest.slice(offset, Math.max(offset, lineEnd))) ?? [];
    if (lineEnd === -1 || size === undefined) return undefined;
    const bytes = Number.parseInt(size, 16);
    if (bytes === 0) {
      const end = rest.indexOf("\r\n\r\n", lineEnd);
      return end === -1 ? undefined : { sizeBytes: end + 4 };
    }
    const dataEnd = lineEnd + 2 + bytes;
    if (rest.slice(dataEnd, dataEnd + 2) !== "\r\n") return undefined;
    offset = dataEnd + 2;
  }
}
