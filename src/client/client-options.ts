import type { ChannelKind } from "../channel/channel-kind.ts";
import { type ClientLimits, defaultClientLimits } from "../channel/client-limits.ts";
import { check } from "./misuse.ts";

/** Events differ in what they have besides. */
type Listener = (event: never) => void;

/** What is used of a WebSocket. The one of browsers has it, and the one of `ws`. */
export type WebSocketLike = {
  /** Set to "arraybuffer". */
  binaryType: string;
  /** It may be written to. */
  onopen: Listener | null;
  /** A message came: `data`, text or an `ArrayBuffer`. */
  onmessage: Listener | null;
  /** It failed: perhaps a `message`. */
  onerror: Listener | null;
  /** It ended: `code` and `reason`. */
  onclose: Listener | null;
  /** Sends a frame. */
  send(data: string | Uint8Array): void;
  /** Ends it, with 1000 or a code from 3000 on. */
  close(code?: number): void;
};

/** How a channel is dialled. */
export type ConnectOptions = Partial<ClientLimits> & {
  /** Those that may be used, the best first. Default: all three. */
  readonly transports?: readonly ChannelKind[];
  /** Who the client is, asked before each attach: `authorize` of the server gets it as `Authorization: Bearer`. */
  readonly token?: () => string | undefined | Promise<string | undefined>;
  /** Header fields of requests over HTTP. Not sent with a WebSocket, which takes none in a browser: use `token`, or cookies. */
  readonly headers?: Readonly<Record<string, string>> | (() => HeaderRecord | Promise<HeaderRecord>);
  /** Whether cookies go with requests over HTTP. Default: "same-origin". With a WebSocket they always go. */
  readonly credentials?: "omit" | "same-origin" | "include";
  /** Where there is no global one, as in Node 20: the one of `ws`. */
  readonly WebSocket?: new (url: string, protocol: string) => WebSocketLike;
  /** Default: the global one. */
  readonly fetch?: typeof globalThis.fetch;
};

/** Header fields by name. */
type HeaderRecord = Readonly<Record<string, string>>;

/** Options and their defaults. */
export type ClientSettings = Required<Pick<ConnectOptions, "transports" | "fetch">> & {
  readonly [Name in "token" | "headers" | "credentials" | "WebSocket"]: ConnectOptions[Name] | undefined;
} & ClientLimits & { readonly url: string };

const kinds: readonly ChannelKind[] = ["websocket", "http-streaming", "long-polling"];

/** Checks options and adds what is not given. Throws `INVALID_ARGUMENT` for what cannot be. */
export function settle(url: string | URL, options: ConnectOptions): ClientSettings {
  const { WebSocket, location } = globalThis as Platform;
  const settings: Record<string, unknown> = {
    transports: kinds,
    token: undefined,
    headers: undefined,
    credentials: undefined,
    WebSocket,
    fetch,
    ...defaultClientLimits,
  };
  const names = Object.keys(settings);
  for (const [name, value] of Object.entries(options)) {
    check(names.includes(name), `the option ${name}`, `one of ${names.join(", ")}`, value);
    if (value === undefined) continue;
    const isAmount = typeof settings[name] !== "number" || (typeof value === "number" && value > 0);
    check(isAmount, name, "a number above 0", value);
    // The type alone: a token that is given by itself is a secret.
    check(name !== "token" || typeof value === "function", name, "given a function", typeof value);
    settings[name] = value;
  }
  const transports = settings["transports"] as readonly ChannelKind[];
  const isArray: boolean = Array.isArray(transports);
  const isList = isArray && transports.length > 0 && transports.every((kind) => kinds.includes(kind));
  check(isList, "transports", `some of ${kinds.join(", ")}`, String(transports));
  if (transports.join() === "websocket") checkWebSocket(settings["WebSocket"]);
  settings["url"] = addressOf(url, location?.href);
  return settings as ClientSettings;
}

/** What browsers have, and not every other platform. */
type Platform = { readonly WebSocket?: unknown; readonly location?: { readonly href: string } };

/** Throws where there is none to dial with. */
export function checkWebSocket<Class>(WebSocket: Class | undefined): asserts WebSocket is Class {
  check(!!WebSocket, "WebSocket", "passed in", WebSocket);
}

function addressOf(url: string | URL, base: string | undefined): string {
  let address = "";
  try {
    address = new URL(url, base).href;
  } catch {
    address = "";
  }
  check(address.startsWith("http"), "the URL", "http: or https:", url);
  return address;
}
