/** `npm start`: one conversation over a WebSocket, an HTTP stream and long polls, at http://127.0.0.1:9090. */

import { isChannelError, serve } from "channelkit";
import { createFiles } from "./files.js";
import { createHandler } from "./handler.js";
import { Room } from "./room.js";

const hostname = "127.0.0.1";
const stopTimeoutMs = 4_000;
/** The longest text takes 500 characters of at most 3 bytes, in JSON up to 6 each. */
const limits = { maxMessageBytes: 4096, maxBodyBytes: 4096 };

const port = readPort(process.env.PORT);
const room = new Room();
const server = await listen();
console.log(`The demonstration runs at ${server.url} (end it with Ctrl+C)`);

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
  room.closeAll(1001, "the server stops");
  void server.stop({ timeoutMs: stopTimeoutMs }).then(() => console.log("Stopped."));
}

async function listen() {
  try {
    return await serve(createHandler(room, createFiles(new URL("public/", import.meta.url))), {
      hostname,
      port,
      limits,
    });
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
