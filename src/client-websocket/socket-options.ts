import { defaultWebSocketLimits } from "../channel/client-limits.ts";
import { type ClientSettings, type ConnectOptions, settle } from "../client/client-options.ts";
import { check } from "../client/misuse.ts";

// Read once: a program may put this package's own class there, which must not dial by itself.
const { WebSocket: native } = globalThis as { readonly WebSocket?: NonNullable<ConnectOptions["WebSocket"]> };

/** Checks options and adds what is not given. Throws `INVALID_ARGUMENT` for what cannot be. */
export function settleSocket(address: string, options: ConnectOptions): ClientSettings {
  const { WebSocket = native, ...others } = options;
  const settings = settle(address.replace("ws", "http"), {
    ...defaultWebSocketLimits,
    ...others,
    ...(WebSocket && { WebSocket }),
  });
  const isUsable = WebSocket !== undefined || settings.transports.some((kind) => kind !== "websocket");
  check(isUsable, "WebSocket", "passed in", undefined);
  return { ...settings, WebSocket };
}
