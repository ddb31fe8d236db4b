import type { Socket } from "node:net";
import type { Environment } from "../channel/environment.ts";
import type { Exchange } from "../http/exchange.ts";
import { HttpChannel } from "../http/http-channel.ts";
import { WebSocketChannel } from "../websocket/websocket-channel.ts";
import type { WebSocketOptions } from "../websocket/websocket-options.ts";

/** Makes the channel of a request: for a session it is of another class, and carries more than one. */
export type ChannelKit = {
  webSocket(request: Request, socket: Socket, options: WebSocketOptions): WebSocketChannel;
  http(request: Request, exchange: Exchange, environment: Environment): HttpChannel;
};

export const plainChannels: ChannelKit = {
  webSocket: (request, socket, options) => new WebSocketChannel(request, socket, options),
  http: (request, exchange, environment) => new HttpChannel(request, exchange, environment),
};
