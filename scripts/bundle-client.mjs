/**
 * dist/client.js and all that it imports -> dist/client.min.js, one file for browsers, with a source map; and so the
 * WebSocket of dist/websocket.js, which has the client in it.
 *
 * Names of members that only channelkit itself uses become short: all but those of the platform, which terser knows, and
 * those that declarations of the files below name, which are of public types or go over the wire.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { minify } from "terser";
import { root } from "./tools.mjs";

const ofBoth = ["channel/client-limits", "channel/errors", "client/client-options", "protocol/control-record"];
const declarations = {
  client: [...ofBoth, "client/client-channel", "client/client-status"],
  websocket: [
    ...ofBoth,
    "client-websocket/session-web-socket",
    "client-websocket/socket-arguments",
    "client-websocket/socket-event-target",
    "client-websocket/socket-events",
    "client-websocket/web-socket-of",
  ],
};

/** These the platform has, too, and terser does not know them. */
const unknown = ["authorization", "clientId", "held", "unref"];

/** These the platform has, too, but nothing of the platform that is used here. */
const ours =
  /^(after|bytes|detach|ended|events|finish|items?|limits|next|pause|released|settings|start|stop|wake|write)$/;

/** @returns {Promise<void>} */
export async function bundleClient() {
  await bundle("client");
  await bundle("websocket");
}

/** @param {keyof typeof declarations} name of the entry point */
async function bundle(name) {
  const dist = join(root, "dist");
  const { outputFiles } = await build({
    entryPoints: [join(dist, `${name}.js`)],
    outfile: join(dist, `${name}.min.js`),
    bundle: true,
    minifySyntax: true,
    format: "esm",
    target: "es2022",
    sourcemap: "external",
    write: false,
    mangleProps: ours,
  });
  const [map, text] = ["js.map", "js"].map((end) => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? "");
  const { code = "", map: minifiedMap = "" } = await minify(text ?? "", {
    module: true,
    ecma: 2020,
    compress: { passes: 5, pure_getters: true, unsafe_arrows: true, unsafe_methods: true, keep_fargs: false },
    mangle: {
      properties: { reserved: [...declarations[name].flatMap(membersOf), ...unknown], keep_quoted: "strict" },
    },
    sourceMap: { content: map ?? "", url: `${name}.min.js.map`, filename: `${name}.min.js` },
  });
  writeFileSync(join(dist, `${name}.min.js`), code);
  writeFileSync(
    join(dist, `${name}.min.js.map`),
    typeof minifiedMap === "string" ? minifiedMap : JSON.stringify(minifiedMap),
  );
}

/** @param {string} path @returns {string[]} the names of members that a file of declarations has */
function membersOf(path) {
  const text = readFileSync(join(root, "dist", `${path}.d.ts`), "utf8");
  return [...text.matchAll(/\b(\w+)\??[:(]/g)].map(([, name = ""]) => name);
}
