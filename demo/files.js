/** The files of the page, read once: a path that is not one of them cannot be asked for. */

import { readdirSync, readFileSync } from "node:fs";
import { basename, extname } from "node:path";
import { fileURLToPath } from "node:url";

/** @type {Readonly<Record<string, string>>} */
const types = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/**
 * @param {URL} folder of which every file is served
 * @param {readonly URL[]} others
 * @returns {(path: string) => Response | undefined}
 */
export function createFiles(folder, others) {
  const all = [...readdirSync(folder).map((name) => new URL(name, folder)), ...others];
  const files = new Map(all.map((url) => [`/${basename(fileURLToPath(url))}`, readFileSync(url)]));
  return (path) => {
    const name = path === "/" ? "/index.html" : path;
    const body = files.get(name);
    if (body === undefined) return undefined;
    const headers = {
      "Content-Type": types[extname(name)] ?? "application/octet-stream",
      "Cache-Control": "no-cache",
      "Content-Security-Policy": policy,
      "Referrer-Policy": "no-referrer",
      "X-Content-Type-Options": "nosniff",
    };
    return new Response(new Uint8Array(body), { headers });
  };
}
