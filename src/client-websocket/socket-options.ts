import { defaultWebSocketLimits } from "../channel/client-limits.ts";
import { type ClientSettings, type ConnectOptions, missing, settle } from "../client/client-options.ts";

// Read once: a program may put this package's own class there, which must not dial by itself.
const { WebSocket: native = missing } = globalThis as { readonly WebSocket?: unknown };

/** Checks options and adds what is not given. Throws `INVALID_ARGUMENT` for what cannot be. */
export function settleSocket(address: string, options: ConnectOptions): ClientSettings {
  const { WebSocket = native as ClientSettings["WebSocket"] } = options;
  return settle(address.replace("ws", "http"), { ...defaultWebSocketLimits, ...options, WebSocket });
}
