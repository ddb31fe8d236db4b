export type { ChannelKind } from "./channel/channel-kind.ts";
export type { Channel, CloseHandler, PingHandler, ReceiveHandler, SendOptions } from "./channel/channel.ts";
export type { Answer, Body, Data, HeaderFields, HeaderValue, StreamBody } from "./channel/data.ts";
export {
  type ChannelError,
  type ErrorCode,
  type ErrorDetails,
  type ErrorListener,
  type HandlerName,
  isChannelError,
} from "./channel/errors.ts";
export {
  type CompressionLimits,
  defaultCompressionLimits,
  defaultHistoryLimits,
  defaultLimits,
  defaultStoreLimits,
  type HistoryLimits,
  type Limits,
  type StoreLimits,
  turnBudgetMs,
} from "./channel/limits.ts";
export type { Message } from "./channel/message.ts";
export { defaultSessionLimits, type SessionLimits } from "./channel/session-limits.ts";
export type { CloseDetail, CloseStatus } from "./channel/status.ts";
export { encodeEvent, eventStreamComment, eventStreamHeaders, type ServerSentEvent } from "./http/event-stream.ts";
export { createListeners, type Listeners } from "./server/create-listeners.ts";
export type { RequestHandler, ServerStatus } from "./server/server-state.ts";
export { withChannel } from "./server/opening.ts";
export type { ListenerOptions, ServeOptions } from "./server/options.ts";
export type { AllowedOrigins } from "./server/origin.ts";
export { type Server, serve } from "./server/serve.ts";
export { remoteAddress, type UseChannel } from "./server/served-request.ts";
export type { StopOptions } from "./server/stop.ts";
export type { Authorize } from "./session-server/admission.ts";
export {
  type AcceptOptions,
  createSessions,
  type Sessions,
  type SessionsOptions,
} from "./session-server/create-sessions.ts";
export type { PresenceHandler } from "./session-server/presence.ts";
export type { SessionChannel, UseSession } from "./session-server/session-channel.ts";
export type { HandshakeOptions } from "./websocket/handshake.ts";
export type { Batch } from "./store/format.ts";
export { MemoryChannelStore } from "./store/memory-channel-store.ts";
export type {
  BroadcastFunction,
  BroadcastOptions,
  Joined,
  JoinOptions,
  StoreOptions,
  WhenBehind,
} from "./store/options.ts";
export { decodePosition, encodePosition, type Position } from "./store/position.ts";
