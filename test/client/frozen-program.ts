/** A server or a client in a process of its own, which its test freezes: `serve`, or `connect URL KIND`. */

import { WebSocket } from "ws";
import { connect } from "../../src/client.ts";
import { type ChannelKind, createSessions, serve } from "../../src/index.ts";
import { shortTimes } from "./frozen-times.ts";

const [role, url = "", kind = "websocket"] = process.argv.slice(2);

function say(line: string): void {
  // oxlint-disable-next-line no-console -- a program that prints
  console.log(line);
}

if (role === "serve") {
  const sessions = createSessions({ limits: shortTimes });
  const server = await serve((request) => sessions.accept(request, () => undefined), { port: 0 });
  say(`listens at ${server.url}`);
} else {
  const channel = connect(url, { WebSocket, transports: [kind as ChannelKind] });
  channel.onStatus(({ state }) => say(state));
}
