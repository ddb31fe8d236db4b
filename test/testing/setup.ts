import { WebSocket } from "ws";
import { type Channel, type Server, serve, withChannel } from "../../src/index.ts";
import { createFaultProxy, type FaultProxy, type FaultProxyOptions } from "../../src/testing.ts";
import { type Bytes, connectRaw, destroyOpenClients, type RawClient } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";

/** A real server behind a proxy, and what both of its sides saw. */
export type Site = {
  server: Server;
  proxy: FaultProxy;
  /** What the server saw: `request` (method, path, body), `open` (channel), `receive` (message), `close` (status). */
  log: Recorder;
  connect(): Promise<RawClient>;
  /** Connects and sends. */
  send(bytes: Bytes): Promise<RawClient>;
  openWebSocket(): WatchedWebSocket;
};

/** A client of `ws`, with what it saw: `upgrade` (headers), `open`, `message` (text), `error` (message), `close` (code). */
export type WatchedWebSocket = { socket: WebSocket; log: Recorder };

const sites: Site[] = [];
const sockets: WebSocket[] = [];

/**
 * Starts both. The server answers a WebSocket's messages with the same, `/stream` with a stream that says "first" and then
 * what the test sends, `/poll` when the test sends, `/large` with 100 kB, and all else with method, path and body.
 */
export async function startSite(options: Partial<FaultProxyOptions> = {}): Promise<Site> {
  const log = new Recorder();
  const server = await serve(
    async (request) => {
      const { pathname } = new URL(request.url);
      const isUpgrade = request.headers.get("upgrade") !== null;
      const body = isUpgrade ? "" : await request.text();
      log.record("request", request.method, pathname, body, isUpgrade);
      const use = (channel: Channel): void => {
        log.record("open", channel);
        channel.onReceive((message) => {
          log.record("receive", message);
          channel.send(message);
        });
        channel.onClose((status) => log.record("close", status));
        if (pathname === "/stream") channel.send("first", { close: false });
      };
      if (isUpgrade || pathname === "/stream" || pathname === "/poll") return withChannel(request, use);
      if (pathname === "/large") return new Response("x".repeat(100_000));
      return new Response(`${request.method} ${pathname} ${body}`);
    },
    { port: 0, onError: (error) => log.record("error", error.message) },
  );
  const proxy = await createFaultProxy({ target: { port: server.port }, ...options });
  const connect = (): Promise<RawClient> => connectRaw(proxy.port);
  const site: Site = {
    server,
    proxy,
    log,
    connect,
    async send(bytes) {
      const client = await connect();
      client.write(bytes);
      return client;
    },
    openWebSocket: () => watchWebSocket(proxy.port),
  };
  sites.push(site);
  return site;
}

/** For `afterEach`. */
export async function stopSites(): Promise<void> {
  for (const socket of sockets.splice(0)) socket.terminate();
  destroyOpenClients();
  for (const { proxy, server } of sites.splice(0)) {
    await proxy.close();
    await server.stop({ timeoutMs: 0 });
  }
}

export const get = (path = "/"): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
export const post = (body: string, path = "/"): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** The channel that the server opened last. */
export async function channelOf({ log }: Site, count = 1): Promise<Channel> {
  return (await log.waitFor("open", { count })).args[0] as Channel;
}

/** The details of all events of one sort. */
export function details({ proxy }: Site, what: string): string[] {
  return proxy.events.filter((event) => event.what === what).map(({ detail }) => detail);
}

function watchWebSocket(port: number): WatchedWebSocket {
  const log = new Recorder();
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  sockets.push(socket);
  socket.on("upgrade", () => log.record("upgrade"));
  socket.on("open", () => log.record("open"));
  socket.on("message", (data: Buffer) => log.record("message", data.toString()));
  socket.on("error", (error) => log.record("error", error.message));
  socket.on("close", (code) => log.record("close", code));
  return { socket, log };
}
