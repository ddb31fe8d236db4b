import type { TestContext } from "node:test";
import { WebSocket } from "ws";
import { type AcceptOptions, createSessions, type SessionChannel, type SessionsOptions } from "../../src/index.ts";
import { createFaultProxy, type Fault, type FaultProxy } from "../../src/testing.ts";
import { type ConnectOptions, webSocketOf, type WebSocketClass } from "../../src/websocket.ts";
import { setServer, type TestServer } from "../server/set-server.ts";

/** Where a library dials, and with what. */
export type Site = TestServer & {
  readonly proxy: FaultProxy;
  /** The address of the proxy, as a WebSocket has it. */
  readonly url: string;
  readonly WebSocket: WebSocketClass;
  /** What carried each session last. */
  kinds(): string[];
  /** How many sessions are open. */
  size(): number;
};

/** How a site is set. */
export type SiteOptions = AcceptOptions & {
  /** What the network does. */
  readonly faults?: readonly Fault[];
  readonly sessions?: SessionsOptions<undefined>;
  readonly client?: ConnectOptions;
  /** Answers what asks for no session. */
  readonly pages?: (request: Request) => Response;
};

/** A network that each library has to work in, and what carries a session there. */
export type Network = {
  readonly kind: string;
  readonly faults: readonly Fault[];
  readonly client?: Pick<ConnectOptions, "fallbackDelayMs">;
};

const refused: Fault = { type: "refuse-upgrade" };
// Where the test says what carries the session, a slow machine must not make the client dial the next transport.
const patient = { fallbackDelayMs: 10_000 };

export const networks: readonly Network[] = [
  { kind: "websocket", faults: [], client: patient },
  { kind: "http-streaming", faults: [refused], client: patient },
  { kind: "long-polling", faults: [refused, { type: "hold-response", on: "stream" }] },
];

/** A real server whose sessions go to `use`, behind a proxy. */
export async function setSite(
  t: TestContext,
  use: (channel: SessionChannel) => unknown,
  { faults = [], sessions: given = {}, client = {}, pages, ...accept }: SiteOptions = {},
): Promise<Site> {
  const opened: SessionChannel[] = [];
  const sessions = createSessions(given);
  const take = (channel: SessionChannel): unknown => {
    opened.push(channel);
    return use(channel);
  };
  const set = await setServer(t, (request) =>
    pages !== undefined && !sessions.accepts(request) ? pages(request) : sessions.accept(request, take, accept),
  );
  const proxy = await createFaultProxy({ target: { port: set.port } });
  t.after(() => proxy.close());
  proxy.set(faults);
  return {
    ...set,
    proxy,
    url: proxy.url.replace("http", "ws"),
    WebSocket: webSocketOf({ WebSocket, resumeWindowMs: 5000, ...client }),
    kinds: () => opened.map(({ kind }) => kind),
    size: () => opened.filter(({ isOpen }) => isOpen).length,
  };
}
