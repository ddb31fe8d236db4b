import type { ChannelKind } from "../channel/channel-kind.ts";
import { type ClientLimits, defaultClientLimits } from "../channel/client-limits.ts";
import type { AttachMode } from "../protocol/control-record.ts";
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
  /** Header fields of requests over HTTP, as `fetch` takes them. Not sent with a WebSocket, which takes none in a browser: use `token`, or cookies. */
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
export type ClientSettings = Required<Pick<ConnectOptions, "transports" | "token" | "fetch" | "WebSocket">> & {
  readonly [Name in "headers" | "credentials"]: ConnectOptions[Name] | undefined;
} & ClientLimits & { readonly url: string };

/** All that there are, the best first, and what they are to an attach. */
export const modes: Readonly<Record<ChannelKind, AttachMode | undefined>> = {
  websocket: undefined,
  "http-streaming": "stream",
  "long-polling": "poll",
};
const kinds = Object.keys(modes) as readonly ChannelKind[];

/** Checks options and adds what is not given. Throws `INVALID_ARGUMENT` for what cannot be. */
export function settle(url: string | URL, options: ConnectOptions): ClientSettings {
  const { WebSocket = missing } = globalThis as Platform;
  const settings: Record<string, unknown> = {
    transports: kinds,
    token: () => undefined,
    headers: undefined,
    credentials: undefined,
    WebSocket,
    fetch,
    ...defaultClientLimits,
  };
  const address = addressOf(url);
  check(address.startsWith("http"), "the URL", "http(s) without a password", url);
  for (const [name, value] of Object.entries(options)) {
    check(Object.hasOwn(settings, name), `the option ${name}`, `among ${Object.keys(settings).join()}`, value);
    if (value === undefined) continue;
    const type = typeof settings[name];
    check(type !== "number" || (typeof value === type && (value as number) > 0), name, "a number above 0", value);
    check(type !== "function" || typeof value === type, name, "a function", value);
    check(addressOf(url, { [name]: value }), name, "what fetch takes", value);
    settings[name] = value;
  }
  const transports = settings["transports"] as readonly ChannelKind[];
  const isList = transports?.[0] && transports.every?.((kind) => kinds.includes(kind));
  check(isList, "transports", `among ${kinds.join()}`, transports);
  settings["url"] = address;
  return settings as ClientSettings;
}

/** What browsers have, and not every other platform. */
type Platform = { readonly WebSocket?: unknown };

/** The address of a request of the platform; empty if it makes none with this. */
function addressOf(url: string | URL, init?: object): string {
  try {
    return new Request(url, init).url;
  } catch {
    return "";
  }
}

/** In the place of a WebSocket where there is none: says so when it is dialled. Arrow functions cannot be. */
export function missing(): void {
  check(false, "WebSocket", "passed in", undefined);
}
