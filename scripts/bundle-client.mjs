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

/** These the platform has, too, and terser does not know them; the last one is a name that also goes to users as text. */
const unknown = ["clientId", "held", "unref", "websocket"];

/** These the platform has, too, but nothing of the platform that is used here. */
const ours =
  /^(after|bytes|detach|ended|events|finish|items?|limits|next|pause|released|settings|start|stop|wake|write)$/;

/**
 * An order of functions in which both files are compressed well, found by trying: 40 bytes less than in the order of the
 * files. Brotli finds again what is alike and close by. Names that are not here come last, so that nothing depends on it.
 */
const order = (
  "missing misuse check webSocketOf connect isEmpty readUtf8 encodeUtf8 settleSocket createHandler addressOf " +
  "mayReturn holdLimitMs openHttp dataOf encodeRecord now isControl readControl createTimer openWebSocket randomKey createLink request isProtocolName"
).split(" ");

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
  const { code = "", map: minifiedMap = "" } = await minify(await sorted(text ?? ""), {
    module: true,
    ecma: 2020,
    compress: false,
    mangle: {
      properties: { reserved: [...declarations[name].flatMap(membersOf), ...unknown], keep_quoted: "strict" },
    },
    // No comment names the map: each page would load it for the few who look, who find the map beside the bundle.
    sourceMap: { content: map ?? "", filename: `${name}.min.js` },
  });
  writeFileSync(join(dist, `${name}.min.js`), code);
  writeFileSync(
    join(dist, `${name}.min.js.map`),
    typeof minifiedMap === "string" ? minifiedMap : JSON.stringify(minifiedMap),
  );
}

/**
 * What terser makes a module of, as its tree and not as text, so that the source map stays right, with its functions in
 * order. They are there before anything runs, wherever they stand.
 *
 * @param {string} text @returns {Promise<string>} what only terser reads
 */
async function sorted(text) {
  const compressed = await minify(text, {
    module: true,
    ecma: 2020,
    compress: {
      passes: 5,
      pure_getters: true,
      unsafe_arrows: true,
      unsafe_methods: true,
      keep_fargs: false,
      // Shorter as text, and longer when it is compressed.
      arrows: false,
      sequences: false,
    },
    mangle: false,
    format: /** @type {object} */ ({ ast: true, code: false }),
  });
  // Its types say nothing of trees, though its manual does.
  const { ast } = /** @type {{ ast: { body: { TYPE: string, name?: { name: string } }[] } }} */ (compressed);
  const isFunction = (/** @type {{ TYPE: string }} */ { TYPE }) => TYPE === "Defun";
  const rankOf = (/** @type {typeof ast.body[number]} */ { name }) => {
    const rank = order.indexOf(name?.name ?? "");
    return rank < 0 ? order.length : rank;
  };
  const functions = ast.body.filter(isFunction).toSorted((a, b) => rankOf(a) - rankOf(b));
  // Each in the place of one: what is no function stays where it is.
  ast.body = ast.body.map((statement) => (isFunction(statement) ? (functions.shift() ?? statement) : statement));
  return /** @type {string} */ (/** @type {unknown} */ (ast));
}

/** @param {string} path @returns {string[]} the names of members that a file of declarations has */
function membersOf(path) {
  const text = readFileSync(join(root, "dist", `${path}.d.ts`), "utf8");
  return [...text.matchAll(/\b(\w+)\??[:(]/g)].map(([, name = ""]) => name);
}
