/**
 * What one writes first on `node:http` and `ws`: the same surface as the library, and none of what it is for.
 *
 * It is here to be wrong. Each check of a pitfall must fail on it, which proves that the check can fail.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";

export type NaiveAnswer = { status?: number; headers?: Record<string, string>; body?: NaiveBody };
export type NaiveBody = string | Uint8Array | null;
export type NaiveData = NaiveBody | NaiveAnswer;

export type NaiveChannel = {
  readonly isWebSocket: boolean;
  readonly isOpen: boolean;
  send(data: NaiveData, options?: { close?: boolean }): boolean;
  close(): boolean;
  onReceive(handler: (message: unknown) => unknown): void;
  onClose(handler: (status: string) => unknown): void;
};

export type NaiveHandler = (request: Request) => Response | Promise<Response>;
export type NaiveServer = {
  readonly port: number;
  stop(options: { timeoutMs: number }): Promise<void>;
  /** Not part of the port: so that a test leaves nothing behind. */
  destroy(): void;
};

/** Makes the channel of each request, for as long as nobody has asked for it. */
const channels = new WeakMap<Request, () => NaiveChannel>();
const taken = new Response(null);

export function withChannel(request: Request, use: (channel: NaiveChannel) => unknown): Response {
  const channel = channels.get(request)?.();
  if (channel === undefined) throw new Error("no channel");
  use(channel);
  return taken;
}

export async function serve(handler: NaiveHandler, { port }: { port: number }): Promise<NaiveServer> {
  // The promise of the listener is nobody's, as in every first version.
  const server = createServer((req, res) => void answer(handler, req, res));
  const webSockets = new WebSocketServer({ server, perMessageDeflate: true });
  webSockets.on("connection", (webSocket, req) => {
    const request = new Request(urlOf(req), { headers: headersOf(req) });
    channels.set(request, () => webSocketChannel(webSocket));
    void handler(request);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: ({ timeoutMs }) => stop(server, webSockets, timeoutMs),
    destroy() {
      for (const client of webSockets.clients) client.terminate();
      server.closeAllConnections();
      server.close();
    },
  };
}

async function answer(handler: NaiveHandler, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const method = req.method ?? "GET";
  const hasBody = method !== "GET" && method !== "HEAD";
  const body = hasBody ? await readBody(req) : null;
  const request = new Request(urlOf(req), { method, headers: headersOf(req), body });
  channels.set(request, () => httpChannel(req, res));
  const response = await handler(request);
  if (response === taken) return;
  res.writeHead(response.status, Object.fromEntries(response.headers));
  res.end(Buffer.from(await response.arrayBuffer()));
}

async function readBody(req: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of req) chunks.push(chunk as Uint8Array);
  return new Uint8Array(Buffer.concat(chunks));
}

function httpChannel(req: IncomingMessage, res: ServerResponse): NaiveChannel {
  let onClose = (_status: string): unknown => undefined;
  req.on("close", () => onClose("client-close"));
  return {
    isWebSocket: false,
    get isOpen() {
      return res.writable;
    },
    send(data, { close = true } = {}) {
      const body = isAnswer(data) ? data.body : data;
      if (isAnswer(data)) res.writeHead(data.status ?? 200, data.headers);
      if (close) {
        res.end(body);
        onClose("server-close");
        return true;
      }
      return body === null || body === undefined || res.write(body);
    },
    close() {
      res.end();
      onClose("server-close");
      return true;
    },
    onReceive() {
      // HTTP receives nothing.
    },
    onClose(handler) {
      onClose = handler;
    },
  };
}

function webSocketChannel(webSocket: WebSocket): NaiveChannel {
  return {
    isWebSocket: true,
    get isOpen() {
      return webSocket.readyState === webSocket.OPEN;
    },
    send(data, { close = false } = {}) {
      const body = isAnswer(data) ? data.body : data;
      if (body !== null && body !== undefined) webSocket.send(body);
      if (close) webSocket.close();
      return true;
    },
    close() {
      webSocket.close();
      return true;
    },
    onReceive(handler) {
      webSocket.on("message", (message) => void handler(message));
    },
    onClose(handler) {
      webSocket.on("close", (code) => void handler(code === 1000 ? "normal" : "going-away"));
    },
  };
}

/** Waits for what is open, then closes it. */
function stop(server: Server, webSockets: WebSocketServer, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    webSockets.close();
    const deadline = setTimeout(() => server.closeAllConnections(), timeoutMs);
    server.close(() => {
      clearTimeout(deadline);
      resolve();
    });
  });
}

function isAnswer(data: NaiveData): data is NaiveAnswer {
  return typeof data === "object" && data !== null && !(data instanceof Uint8Array);
}

function urlOf(req: IncomingMessage): string {
  return `http://${req.headers.host ?? "localhost"}${req.url ?? "/"}`;
}

function headersOf(req: IncomingMessage): Headers {
  return new Headers(req.headers as Record<string, string>);
}
