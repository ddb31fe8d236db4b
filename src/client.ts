export { connect } from "./client/connect.ts";
export type {
  ClientChannel,
  ClientCloseHandler,
  ClientData,
  ClientReceiveHandler,
  StatusHandler,
} from "./client/client-channel.ts";
export type { ClientCloseStatus } from "./client/client-session.ts";
export type { ConnectOptions, WebSocketLike } from "./client/client-options.ts";
export type { ClientStatus, TimelineEntry } from "./client/client-status.ts";
export type { ClientLimits } from "./channel/client-limits.ts";
export type { ChannelKind } from "./channel/channel-kind.ts";
export type { ClientMessage as Message } from "./client/client-channel.ts";
