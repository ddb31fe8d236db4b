import { readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import type { BrowserContext, CDPSession, Page } from "playwright-core";
import type { ClientChannel, ClientStatus, connect, ConnectOptions, TimelineEntry } from "../../src/client.ts";
import { type ChannelKind, createSessions, serve, type SessionChannel } from "../../src/index.ts";
import { createFaultProxy, type FaultProxy } from "../../src/testing.ts";
import { Recorder } from "../support/recorder.ts";
import { documentedConfiguration, type ProxyName, startProxy } from "../support/reverse-proxy.ts";

/** What the page has. */
type PageGlobals = {
  connect: typeof connect;
  channel: ClientChannel;
  statuses: ClientStatus[];
  received: { readonly message: unknown; readonly atMs: number }[];
  ended: unknown;
};
declare const self: PageGlobals & { dispatchEvent(event: Event): void };

/** What stands between the page and the server, and which transport has to come of it. */
export type Path = {
  readonly name: string;
  readonly kind: ChannelKind;
  /** The program and its configuration. */
  readonly proxy?: { readonly name: ProxyName; readonly part: string };
};

const waitMs = 10_000;

const nginx = (directives: string): NonNullable<Path["proxy"]> => ({
  name: "nginx",
  part: `server {\nlisten 80;\nlocation / {\nproxy_pass http://127.0.0.1:9090;\n${directives}\n}\n}`,
});

/** A proxy's own default is what a page meets where nobody has thought of channels. */
export const paths: readonly Path[] = [
  { name: "without a proxy", kind: "websocket" },
  {
    name: "behind nginx as it comes, which buffers, speaks HTTP/1.0, and passes on no upgrade and no host",
    kind: "http-streaming",
    proxy: nginx(""),
  },
  {
    name: "behind nginx that does not buffer, and passes on no upgrade",
    kind: "http-streaming",
    proxy: nginx(
      "proxy_buffering off; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $http_host;",
    ),
  },
  {
    name: "behind nginx that buffers whatever it is asked for",
    kind: "long-polling",
    proxy: nginx("proxy_ignore_headers X-Accel-Buffering;"),
  },
  { name: "behind HAProxy", kind: "websocket", proxy: { name: "haproxy", part: documentedConfiguration("haproxy") } },
];

const bundle = readFileSync(new URL("../../../dist/client.min.js", import.meta.url));
const html = `<!doctype html><meta charset="utf-8"><title>client</title><link rel="icon" href="data:,"><script type="module">
import { connect } from "/client.js";
globalThis.shown = [];
globalThis.froze = 0;
addEventListener("pageshow", ({ persisted }) => shown.push(persisted));
document.addEventListener("freeze", () => (froze += 1));
globalThis.connect = connect;
</script>`;

/** The client as it is published, in a page of its own. */
export class Tab {
  readonly page: Page;
  readonly #options: ConnectOptions;

  /** @param options - of each channel, unless it is dialled with others */
  constructor(page: Page, options: ConnectOptions) {
    this.page = page;
    this.#options = options;
  }

  async load(url: string): Promise<void> {
    await this.page.goto(url);
    await this.#until(() => typeof self.connect === "function", undefined);
  }

  /** Not at each frame: a page that is hidden has none. */
  async #until<Argument>(check: (argument: Argument) => boolean, argument: Argument): Promise<void> {
    await this.page.waitForFunction(check as (argument: unknown) => boolean, argument, { polling: 50 });
  }

  /** Dials, sends these messages in the same turn, and notes what it is told. */
  async dial(options: ConnectOptions = {}, token?: string, early: readonly string[] = []): Promise<void> {
    await this.page.evaluate(
      ([given, secret, messages]) => {
        self.statuses = [];
        self.received = [];
        self.ended = undefined;
        self.channel = self.connect("/live", { ...given, ...(secret !== undefined && { token: () => secret }) });
        self.channel.onStatus((status) => self.statuses.push(status));
        self.channel.onReceive((message) => self.received.push({ message, atMs: Date.now() }));
        self.channel.onClose((...end) => (self.ended = end));
        for (const message of messages) self.channel.send(message);
      },
      [{ ...this.#options, ...options }, token, early] as const,
    );
  }

  /** Waits until the client has said so often that a transport carries the channel. */
  async opened(count = 1): Promise<void> {
    await this.#until((n) => self.statuses.filter(({ state }) => state === "open").length >= n, count);
  }

  async carriedBy(kind: ChannelKind): Promise<void> {
    await this.#until((wanted) => {
      const last = self.statuses.at(-1);
      return last?.state === "open" && last.kind === wanted;
    }, kind);
  }

  async inState(state: ClientStatus["state"]): Promise<void> {
    await this.#until((wanted) => self.statuses.at(-1)?.state === wanted, state);
  }

  /** The browser says that the network may be another one. */
  networkChanged(): Promise<void> {
    return this.page.evaluate(() => self.dispatchEvent(new Event("online")));
  }

  send(messages: readonly string[]): Promise<void> {
    return this.page.evaluate((all) => {
      for (const message of all) self.channel.send(message);
    }, messages);
  }

  /** Waits for so many messages, and tells all: text of more than 100 characters by its length, bytes as a list. */
  async received(count: number): Promise<unknown[]> {
    await this.#until((n) => self.received.length >= n, count);
    return this.page.evaluate(() =>
      self.received.map(({ message }) => {
        if (typeof message !== "string") return Array.from(message as Uint8Array);
        return message.length > 100 ? message.length : message;
      }),
    );
  }

  statuses(): Promise<ClientStatus[]> {
    return this.page.evaluate(() => self.statuses);
  }

  explain(): Promise<readonly TimelineEntry[]> {
    return this.page.evaluate(() => self.channel.explain());
  }

  kind(): Promise<ChannelKind> {
    return this.page.evaluate(() => self.channel.kind);
  }
}

/** A page, what stands before its server, and the server. Its sessions answer each message with the same. */
export class Stage {
  readonly path: Path;
  readonly tab: Tab;
  readonly profile: BrowserContext;
  /** Between the page and everything else: what happens to the connections of the browser. */
  readonly network: FaultProxy;
  /** What the server saw: `open` (channel), `receive` (message), `close` (status, detail). */
  log: Recorder = new Recorder();
  readonly #stop: () => Promise<void>;

  private constructor(path: Path, page: Page, network: FaultProxy, stop: () => Promise<void>) {
    this.path = path;
    this.tab = new Tab(page, this.#options);
    this.profile = page.context();
    this.network = network;
    this.#stop = stop;
  }

  static async build(path: Path, profile: BrowserContext): Promise<Stage> {
    const sessions = createSessions({
      authorize: (request) => request.headers.get("authorization") !== "Bearer stranger" && "guest",
    });
    const use = (channel: SessionChannel<string>): void => {
      const { log } = stage;
      log.record("open", channel);
      channel.onReceive((message) => {
        log.record("receive", message);
        channel.send(message);
      });
      channel.onClose((...end) => log.record("close", ...end));
    };
    const server = await serve(
      (request) => {
        const { pathname } = new URL(request.url);
        if (pathname === "/live") return sessions.accept(request, use);
        if (pathname !== "/client.js") return new Response(html, { headers: { "content-type": "text/html" } });
        return new Response(bundle, { headers: { "content-type": "text/javascript" } });
      },
      { port: 0 },
    );
    const { proxy } = path;
    const reverse = proxy && (await startProxy(proxy.name, proxy.part, server.port));
    const network = await createFaultProxy({ target: { port: reverse?.port ?? server.port } });
    const page = await profile.newPage();
    page.setDefaultTimeout(waitMs);
    const stage = new Stage(path, page, network, async () => {
      await page.close();
      await network.close();
      await reverse?.stop();
      await server.stop({ timeoutMs: 0 });
    });
    return stage;
  }

  /** Where a machine is busy, the first answer is late: the best that can be must not lose to what starts beside it. */
  get #options(): ConnectOptions {
    return this.path.kind === "long-polling" ? {} : { fallbackDelayMs: 5000 };
  }

  /** Begins anew, and ends with the test. */
  async set(t: TestContext): Promise<void> {
    t.after(() => this.network.clear());
    this.log = new Recorder();
    await this.tab.load(this.network.url);
  }

  /** Another tab of the same browser. */
  async openTab(): Promise<Tab> {
    const page = await this.profile.newPage();
    page.setDefaultTimeout(waitMs);
    const tab = new Tab(page, this.#options);
    await tab.load(this.network.url);
    return tab;
  }

  /** The server's end of the channel that was opened last. */
  async channel(): Promise<SessionChannel<string>> {
    const { args } = await this.log.waitFor("open", { timeoutMs: waitMs });
    return args[0] as SessionChannel<string>;
  }

  /** All text that the server got and that begins so, once there is so much of it. */
  async heard(prefix: string, count: number): Promise<unknown[]> {
    await this.log.waitFor("receive", { count, timeoutMs: waitMs });
    return this.log.of("receive").flatMap(({ args }) => (String(args[0]).startsWith(prefix) ? args : []));
  }

  devtools(): Promise<CDPSession> {
    return this.profile.newCDPSession(this.tab.page);
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}
