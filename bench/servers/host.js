// @ts-check
/**
 * Runs one peer in a process of its own: node host.js <row> [tls]
 *
 * A byte on the control connection is a turn with so many broadcasts in it. The turn runs as an immediate, when all
 * sockets that were readable have been read, as that of a server would.
 */

import { createServer } from "node:net";
import { argv, memoryUsage } from "node:process";
import { answerCommands } from "../lib/lines.js";
import { json, text } from "../load/dials.js";

/**
 * What each file in this folder starts. It serves `/echo` and `/group` over WebSocket, `/stream`, `/poll` (parked until
 * the next broadcast) and `/answer` (answered at once), as far as the peer has them.
 *
 * @typedef {{ key: string, cert: string }} Tls
 * @typedef {{ port: number, broadcast(text: string): void, endTurn?(): void }} Peer
 */

const [, , row = "", options = "{}"] = argv;
const {
  tls,
  bytes = 64,
  compress = false,
} = /** @type {{ tls?: Tls, bytes?: number, compress?: boolean }} */ (JSON.parse(options));
const { start } = /** @type {{ start: (tls: Tls | undefined, answer: string, compress: boolean) => Promise<Peer> }} */ (
  await import(`./${row}.js`)
);
const message = compress ? json(bytes) : text(bytes);
const peer = await start(tls, message, compress);

/** @type {number[]} */
const turns = [];
const control = createServer((socket) => {
  socket.setNoDelay(true).on("data", (told) => {
    turns.push(...told);
    if (turns.length === told.length) setImmediate(turn);
  });
});
await new Promise((resolve) => control.listen(0, "127.0.0.1", () => resolve(undefined)));
const address = /** @type {import("node:net").AddressInfo} */ (control.address());

answerCommands(async (command) => {
  if (!(/** @type {{ memory?: true }} */ (command).memory)) return { port: peer.port, controlPort: address.port };
  if (typeof Bun === "undefined") touchYoungGeneration();
  // Twice, with a turn between: what finalizers let go of is collected, too.
  for (let count = 0; count < 2; count++) {
    if (typeof Bun === "undefined") globalThis.gc?.();
    else Bun.gc(true);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { heapUsed: memoryUsage().heapUsed };
});

/** All of it becomes resident, now and not while connections are counted. */
function touchYoungGeneration() {
  let last;
  for (let count = 0; count < 4e6; count++) last = { count, last: undefined };
  return last;
}

function turn() {
  for (let count = turns[0] ?? 0; count > 0; count--) peer.broadcast(message);
  peer.endTurn?.();
  turns.shift();
  if (turns.length > 0) setImmediate(turn);
}
