/**
 * A program for load.test.ts: `load-clients.js PORT COUNT websocket|poll`.
 *
 * Prints `open` when all have joined, and for each round `round N`, when each client has got the values of the round,
 * `N.0 N.1 N.2` (a poll: `N.0`), in their order and nothing else. Polls come back at SIGUSR2.
 */
import { connect, type Socket } from "node:net";
import { handshakeRequest } from "../support/handshake.ts";

const [port = "", count = "", kind = ""] = process.argv.slice(2);
const isWebSocket = kind === "websocket";
const joinRequest = isWebSocket ? handshakeRequest({ path: "/join" }) : "GET /join HTTP/1.1\r\nHost: localhost\r\n\r\n";

let round = 0;
let inRound = 0;

function say(text: string): void {
  // oxlint-disable-next-line no-console -- the test reads this
  console.log(text);
}

function expectedInRound(): string {
  return isWebSocket ? [0, 1, 2].map((part) => `\u0081\u0003${round}.${part}`).join("") : `${round}.0`;
}

/** Opens one connection and resolves when it has joined. */
function join(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), "127.0.0.1");
    let text = "";
    let hasJoined = !isWebSocket;
    socket.setEncoding("latin1");
    socket.once("connect", () => {
      socket.write(joinRequest);
      if (!isWebSocket) resolve(socket);
    });
    socket.on("error", reject);
    socket.on("close", () => process.exit(3));
    socket.on("data", (data: string) => {
      text += data;
      const headEnd = text.indexOf("\r\n\r\n");
      if (!hasJoined && headEnd !== -1) {
        hasJoined = true;
        text = text.slice(headEnd + 4);
        resolve(socket);
      }
      const payload = isWebSocket || headEnd === -1 ? text : text.slice(headEnd + 4);
      if (!hasJoined || payload.length < expectedInRound().length) return;
      if (payload !== expectedInRound()) throw new Error(`not what was sent: ${JSON.stringify(payload)}`);
      text = "";
      gotRound();
    });
  });
}

function gotRound(): void {
  inRound += 1;
  if (inRound < sockets.length) return;
  inRound = 0;
  say(`round ${round}`);
  round += 1;
}

// Not at once: what the server does to take them in again is no part of what is measured.
if (!isWebSocket) {
  process.on("SIGUSR2", () => {
    for (const socket of sockets) socket.write(joinRequest);
  });
}

const sockets: Socket[] = [];
while (sockets.length < Number(count)) {
  const batch = Math.min(100, Number(count) - sockets.length);
  sockets.push(...(await Promise.all(Array.from({ length: batch }, join))));
}
say("open");
