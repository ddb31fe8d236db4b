import type { ServerResponse } from "node:http";

/** What a framework, or middleware before a mounted handler, has set on Node's response: CORS fields, for example. */
export function presetFields(response: ServerResponse): [string, string][] {
  const fields: [string, string][] = [];
  for (const name of response.getHeaderNames()) {
    const value = response.getHeader(name) ?? [];
    for (const line of Array.isArray(value) ? value : [value]) fields.push([name, String(line)]);
  }
  return fields;
}

/** Makes a response of Node one that is answered, for everybody else who has it. */
export function shield(response: ServerResponse): void {
  Object.defineProperty(response, "headersSent", { value: true });
  Object.assign(response, {
    write: () => false,
    end: () => response,
    writeHead: () => response,
    flushHeaders: () => undefined,
  });
}
