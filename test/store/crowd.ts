import type { TestContext } from "node:test";
import {
  type Channel,
  type ChannelError,
  decodePosition,
  type Joined,
  MemoryChannelStore,
  type Server,
  serve,
  type StoreOptions,
  withChannel,
} from "../../src/index.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { openWebSocket, type RawWebSocket } from "../support/websocket-client.ts";
import { RecordingChannel } from "./recording-channel.ts";

export type Attachment = { readonly name: string };
type JoinOptions = {
  readonly group?: string;
  readonly since?: string;
  readonly httpVersion?: string;
  readonly method?: string;
  readonly fields?: string;
};

/** A store behind a server, and clients that join groups of it over real sockets. */
export class Crowd {
  readonly store: MemoryChannelStore<Attachment>;
  readonly server: Server;
  readonly log: Recorder;
  readonly errors: ChannelError[];
  readonly #clients: RawClient[] = [];

  /** @param beforeJoin - runs for each channel just before it is added */
  static async start(
    context: TestContext,
    { beforeJoin, ...storeOptions }: StoreOptions & { beforeJoin?: (channel: Channel, name: string) => void } = {},
  ): Promise<Crowd> {
    const store = new MemoryChannelStore<Attachment>(storeOptions);
    const log = new Recorder();
    const errors: ChannelError[] = [];
    const server = await serve(
      (request) => {
        const { pathname, searchParams } = new URL(request.url);
        const name = pathname.slice(1);
        return withChannel(request, (channel) => {
          if (searchParams.has("stream")) channel.send({ headers: { "X-Kind": "stream" } }, { close: false });
          beforeJoin?.(channel, name);
          const since = searchParams.get("since");
          const options = since === null ? {} : { since: decodePosition(since) ?? { epoch: "", offset: 0 } };
          const joined = store.add(searchParams.get("group") ?? "lobby", channel, { name }, options);
          log.record(`joined ${name}`, channel, joined);
        });
      },
      { port: 0, onError: (error) => void errors.push(error) },
    );
    const crowd = new Crowd({ store, server, log, errors });
    context.after(async () => {
      for (const client of crowd.#clients) client.destroy();
      await server.stop({ timeoutMs: 0 });
    });
    return crowd;
  }

  private constructor(parts: Pick<Crowd, "store" | "server" | "log" | "errors">) {
    this.store = parts.store;
    this.server = parts.server;
    this.log = parts.log;
    this.errors = parts.errors;
  }

  async webSocket(name: string, options: JoinOptions = {}): Promise<RawWebSocket> {
    const socket = await openWebSocket(this.server.port, pathOf(name, options));
    this.#clients.push(socket.client);
    return socket;
  }

  poll(name: string, options: JoinOptions = {}): Promise<RawClient> {
    return this.#request(name, pathOf(name, options), options);
  }

  /** A stream; its head is read already. */
  async stream(name: string, options: JoinOptions = {}): Promise<RawClient> {
    const client = await this.#request(name, `${pathOf(name, options)}&stream`, options);
    await client.readHead();
    return client;
  }

  /** The channel of a client that has joined. */
  channel(name: string): Channel {
    const [channel] = this.log.of(`joined ${name}`).at(-1)?.args ?? [];
    if (channel === undefined) throw new Error(`${name} has not joined`);
    return channel as Channel;
  }

  /** What `add` returned for it. */
  joined(name: string): Joined {
    return this.log.of(`joined ${name}`).at(-1)?.args[1] as Joined;
  }

  async #request(
    name: string,
    path: string,
    { httpVersion = "1.1", method = "GET", fields = "" }: JoinOptions,
  ): Promise<RawClient> {
    const client = await connectRaw(this.server.port);
    this.#clients.push(client);
    const count = this.log.of(`joined ${name}`).length + 1;
    client.write(`${method} ${path} HTTP/${httpVersion}\r\nHost: localhost\r\n${fields}\r\n`);
    await this.log.waitFor(`joined ${name}`, { count });
    return client;
  }
}

function pathOf(name: string, { group = "lobby", since }: JoinOptions): string {
  return `/${name}?group=${group}${since === undefined ? "" : `&since=${since}`}`;
}

/** Names of the members of a group, in no particular order. */
export function namesIn(store: MemoryChannelStore<Attachment>, group = "lobby"): string[] {
  return store
    .members(group)
    .map(([, { name }]) => name)
    .toSorted();
}

/** Resolves when all broadcasts made so far have been served: they are served in their order, so this one is the last. */
export async function served<Any>(store: MemoryChannelStore<Any>): Promise<void> {
  const anyStore = store as MemoryChannelStore<unknown>;
  const sentinel = new RecordingChannel("sentinel", "websocket");
  anyStore.add("sentinel", sentinel, undefined);
  await new Promise<void>((resolve) => anyStore.broadcast("sentinel", () => resolve()));
  anyStore.remove("sentinel", sentinel);
}
