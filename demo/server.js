/** `npm start`: a page, its server, and a network between them that visitors may break, at http://127.0.0.1:9090. */

import { createSessions, isChannelError, serve } from "channelkit";
import { createFaultProxy } from "channelkit/testing";
import { createFiles } from "./files.js";
import { createHandler } from "./handler.js";
import { Network } from "./network.js";
import { Room } from "./room.js";

const hostname = "127.0.0.1";
/** Channels get their last words after half of it. */
const stopTimeoutMs = 2_000;
/** The longest text takes 500 characters of at most 3 bytes, in JSON up to 6 each. */
const maxMessageBytes = 4096;
const maxSessions = 200;
/** Each has one connection, or the six that a browser opens. */
const maxConnections = 6 * maxSessions;

const port = readPort(process.env.PORT);
// Longer than a cut; a page that was closed without a word is gone soon after.
const sessions = createSessions({ limits: { maxMessageBytes, maxSessions, resumeWindowMs: 30_000 } });
const server = await serve((request) => handler(request), { hostname, port: 0 });
const proxy = await listen();
// The client as a bundle has it; a page without a bundler loads it as it is.
const client = new URL(import.meta.resolve("channelkit/client.min.js"));
const files = createFiles(new URL("public/", import.meta.url), [client]);
const handler = createHandler(new Room(new Network(proxy)), sessions, files);
console.log(`The demonstration runs at ${proxy.url} (end it with Ctrl+C)`);

let isStopping = false;
process.on("SIGINT", () => stop(130));
process.on("SIGTERM", () => stop(143));

/**
 * The first signal lets every client know and every answer out; the second one waits for nothing.
 *
 * @param {number} exitCode of a process that was ended by this signal
 */
function stop(exitCode) {
  if (isStopping) process.exit(exitCode);
  isStopping = true;
  console.log("Stopping. Once more ends it at once.");
  // What was cut or held back must not keep the last words from anybody.
  proxy.clear();
  void server
    .stop({ timeoutMs: stopTimeoutMs })
    .then(() => proxy.close())
    .then(() => console.log("Stopped."));
}

async function listen() {
  try {
    return await createFaultProxy({ hostname, port, target: { port: server.port }, maxConnections });
  } catch (error) {
    if (!isChannelError(error) || error.code !== "LISTEN_FAILED") throw error;
    return giveUp(explain(error.cause));
  }
}

/** @param {unknown} cause */
function explain(cause) {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "EADDRINUSE")
    return `Port ${port} is taken. Choose another one: PORT=${port === 9091 ? 9092 : 9091} npm start`;
  if (code === "EACCES") return `Port ${port} may not be used. Choose another one: PORT=9091 npm start`;
  return `Cannot listen on ${hostname} port ${port}: ${String(cause)}`;
}

/**
 * @param {string | undefined} text
 * @returns {number}
 */
function readPort(text) {
  if (text === undefined || text === "") return 9090;
  const number = Number(text);
  if (/^\d+$/.test(text) && number <= 65_535) return number;
  return giveUp(`PORT must be a number from 0 to 65535, but it is ${JSON.stringify(text)}`);
}

/**
 * @param {string} line
 * @returns {never}
 */
function giveUp(line) {
  console.error(line);
  process.exit(1);
}
