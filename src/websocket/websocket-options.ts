import type { Socket } from "node:net";
import type { Environment } from "../channel/environment.ts";
import type { Deflater } from "./deflater.ts";
import type { Heartbeat } from "./heartbeat.ts";

/** What a WebSocket needs of the server that accepts it. */
export type WebSocketOptions = {
  readonly environment: Environment;
  readonly heartbeat: Heartbeat;
  /** Ends the connection in good order: what waits is written, then FIN, then input is thrown away for a while. */
  readonly endSocket: (socket: Socket) => void;
  /** There when both ends have agreed to compress. */
  readonly deflater: Deflater | undefined;
};
