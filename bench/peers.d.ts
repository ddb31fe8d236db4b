/** As much of the peers' types as the suite uses: it is checked without their packages, which `npm run bench` installs. */

type BunSocket = { write(bytes: Uint8Array): number; end(): void; terminate(): void };

type BunConnectOptions<Socket> = {
  readonly hostname: string;
  readonly port: number;
  readonly tls?: { readonly rejectUnauthorized: boolean };
  readonly socket: {
    open(socket: Socket): void;
    data(socket: Socket, bytes: Uint8Array): void;
    drain(socket: Socket): void;
    close(socket: Socket): void;
    error(socket: Socket, error: Error): void;
  };
};

type BunWebSocket = { send(message: string | Uint8Array, compress: boolean): number; subscribe(topic: string): void };

type BunServer = {
  readonly port: number;
  upgrade(request: Request, options: { data: string }): boolean;
  publish(topic: string, message: string, compress: boolean): number;
};

declare const Bun: {
  gc(force: boolean): void;
  connect(options: BunConnectOptions<BunSocket>): Promise<BunSocket>;
  serve(options: {
    readonly hostname: string;
    readonly port: number;
    readonly idleTimeout: number;
    readonly tls?: { readonly key: string; readonly cert: string } | undefined;
    fetch(request: Request, server: BunServer): Response | undefined | Promise<Response>;
    readonly websocket: {
      readonly idleTimeout: number;
      readonly maxPayloadLength: number;
      readonly perMessageDeflate: boolean;
      open(socket: BunWebSocket & { data: string }): void;
      message(socket: BunWebSocket, message: string | Uint8Array): void;
    };
  }): BunServer;
};

declare module "socket.io" {
  import type { Server as HttpServer } from "node:http";
  import type { Server as HttpsServer } from "node:https";
  type Socket = {
    readonly handshake: { readonly query: Record<string, string> };
    join(room: string): void;
    on(event: string, handler: (data: string) => void): void;
    emit(event: string, data: string): void;
  };
  export class Server {
    constructor(server: HttpServer | HttpsServer, options?: object);
    on(event: "connection", handler: (socket: Socket) => void): void;
    to(room: string): { emit(event: string, data: string): void };
    close(): Promise<void>;
  }
}

declare module "sockjs" {
  import type { Server as HttpServer } from "node:http";
  import type { Server as HttpsServer } from "node:https";
  type Connection = {
    on(event: "data", handler: (data: string) => void): void;
    on(event: "close", handler: () => void): void;
    write(data: string): void;
  };
  export function createServer(options: object): {
    on(event: "connection", handler: (connection: Connection) => void): void;
    installHandlers(server: HttpServer | HttpsServer, options: object): void;
  };
}
