export { SessionWebSocket } from "./client-websocket/session-web-socket.ts";
export type { SocketData } from "./client-websocket/session-web-socket.ts";
export type { Subprotocols } from "./client-websocket/socket-arguments.ts";
export type {
  SocketCloseEvent,
  SocketErrorEvent,
  SocketEventMap,
  SocketMessageEvent,
} from "./client-websocket/socket-events.ts";
export { webSocketOf } from "./client-websocket/web-socket-of.ts";
export type { WebSocketClass } from "./client-websocket/web-socket-of.ts";
export type { ConnectOptions, WebSocketLike } from "./client/client-options.ts";
export type { ClientLimits } from "./channel/client-limits.ts";
export type { ChannelKind } from "./channel/channel-kind.ts";
