/**
 * dist/client.js and all that it imports -> dist/client.min.js, one file for browsers, with a source map.
 *
 * Names of members that only channelkit itself uses become short. A name stands in the list below if it is no member of a
 * public type, no field on the wire, and no member of anything of the platform; `test/client` runs what comes out.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { minify } from "terser";
import { root } from "./tools.mjs";

const internalMembers = `
  accept acknowledge acknowledged attachment bufferedBytes bytesOf carry controlOfRole createKey
  current decide dial dialledAtMs drop ended events failed forgetBefore hangUp heard isBetweenRecords
  isCarrying isClosing isEnded isOver limits lose lost nextIncoming nextOutgoing outgoing pauseHearing
  peerHas probe released renumber restart resumeHearing settings sizeOf takeReceived timeline
  transport unacknowledged untilMs wake written answer
`;

/** @returns {Promise<void>} */
export async function bundleClient() {
  const dist = join(root, "dist");
  const { outputFiles } = await build({
    entryPoints: [join(dist, "client.js")],
    outfile: join(dist, "client.min.js"),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    sourcemap: "external",
    write: false,
    mangleProps: new RegExp(`^(${internalMembers.trim().split(/\s+/).join("|")})$`),
  });
  const [map, bundle] = ["js.map", "js"].map((end) => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? "");
  const { code = "", map: minifiedMap = "" } = await minify(bundle ?? "", {
    module: true,
    ecma: 2020,
    compress: { passes: 3, unsafe_arrows: true, keep_fargs: false },
    sourceMap: { content: map ?? "", url: "client.min.js.map", filename: "client.min.js" },
  });
  writeFileSync(join(dist, "client.min.js"), code);
  writeFileSync(
    join(dist, "client.min.js.map"),
    typeof minifiedMap === "string" ? minifiedMap : JSON.stringify(minifiedMap),
  );
}
