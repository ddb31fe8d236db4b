/**
 * The server under attack, in a process of its own, with the package as it is published.
 *
 * On a second port it tells what its handlers saw and what it holds.
 */
import { subscribe } from "node:diagnostics_channel";
import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import type * as channelkit from "../../src/index.ts";
import { openDescriptors } from "../support/resources.ts";

const { serve, withChannel } = (await import(
  new URL("../../../dist/index.js", import.meta.url).href
)) as typeof channelkit;

/** Port 0: the client had reset its connection before it was accepted. */
export type Seen = { readonly port: number; readonly method: string; readonly target: string };
export type Holdings = {
  readonly heapBytes: number;
  readonly openChannels: number;
  readonly peerFaults: number;
  readonly otherFaults: readonly string[];
  /** Timers, sockets and the like, by kind. */
  readonly resources: readonly string[];
  /** Open at that moment. */
  readonly descriptors: number;
};

const seen: Seen[] = [];
const otherFaults: string[] = [];
let openChannels = 0;
let peerFaults = 0;

// A socket forgets its peer when that resets, unless it was asked before.
subscribe("net.server.socket", (event) => void (event as { socket: Socket }).socket.remotePort);

const server = await serve(
  async (request) => {
    // From srvx: what Node itself read, not what a URL makes of it.
    const { runtime } = request as Request & { runtime?: { node?: { req: IncomingMessage } } };
    const message = runtime?.node?.req;
    const target = message?.url ?? "";
    seen.push({ port: message?.socket.remotePort ?? 0, method: message?.method ?? "", target });
    if (target.includes("echo")) return new Response(await request.text());
    return withChannel(request, (channel) => {
      openChannels += 1;
      channel.onReceive((received) => void channel.send(received));
      channel.onClose(() => void (openChannels -= 1));
      if (target.includes("stream")) channel.send("begun", { close: false });
    });
  },
  {
    port: 0,
    onError: (error) => {
      if (error.code === "PEER_FAULT") peerFaults += 1;
      else otherFaults.push(`${error.message}: ${String(error.cause)}`);
    },
    limits: {
      headersTimeoutMs: 300,
      requestTimeoutMs: 300,
      lingerTimeoutMs: 200,
      idleTimeoutMs: 1000,
      closeTimeoutMs: 300,
      maxBodyBytes: 65_536,
    },
  },
);

async function holdings(): Promise<Holdings> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await nextTurn();
  }
  const heapBytes = process.memoryUsage().heapUsed;
  const resources = process.getActiveResourcesInfo();
  return { heapBytes, openChannels, peerFaults, otherFaults, resources, descriptors: openDescriptors() };
}

const control = createServer((request, response) => {
  response.setHeader("Connection", "close");
  if (request.url === "/seen") response.end(JSON.stringify(seen.splice(0)));
  else void holdings().then((held) => response.end(JSON.stringify(held)));
});
control.listen(0, "127.0.0.1", () => {
  const address = control.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  process.stdout.write(`ready ${server.port} ${port}\n`);
});
