import { setImmediate as nextCheck } from "node:timers/promises";
import type { TestContext } from "node:test";
import {
  type Channel,
  type ChannelError,
  type Limits,
  MemoryChannelStore,
  type StoreOptions,
  withChannel,
} from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { openWebSocket, type RawWebSocket } from "../support/websocket-client.ts";

/** What fills up a client that does not read: each is as large as the soft limit. */
const filler = "x".repeat(64 * 1024);

/** A group whose members read as a test lets them. */
export class Stage {
  readonly store: MemoryChannelStore;
  readonly port: number;
  readonly errors: ChannelError[];
  readonly log: Recorder;
  readonly #channels: Map<string, Channel>;

  static async set(
    t: TestContext,
    { limits = {}, ...options }: StoreOptions & { limits?: Partial<Limits> } = {},
  ): Promise<Stage> {
    const store = new MemoryChannelStore(options);
    const log = new Recorder();
    const channels = new Map<string, Channel>();
    const { port, errors } = await setServer(
      t,
      (request) => {
        const { pathname, searchParams } = new URL(request.url);
        return withChannel(request, (channel) => {
          if (searchParams.has("stream")) channel.send({ headers: { "X-Kind": "stream" } }, { close: false });
          channel.onClose((status, detail) => log.record(`close ${pathname.slice(1)}`, status, detail.code));
          channels.set(pathname.slice(1), channel);
          store.add("all", channel);
          log.record(`joined ${pathname.slice(1)}`);
        });
      },
      { limits },
    );
    return new Stage({ store, port, errors, log }, channels);
  }

  private constructor(parts: Pick<Stage, "store" | "port" | "errors" | "log">, channels: Map<string, Channel>) {
    this.store = parts.store;
    this.port = parts.port;
    this.errors = parts.errors;
    this.log = parts.log;
    this.#channels = channels;
  }

  channel(name: string): Channel {
    const channel = this.#channels.get(name);
    if (channel === undefined) throw new Error(`${name} has not joined`);
    return channel;
  }

  webSocket(name: string): Promise<RawWebSocket> {
    return openWebSocket(this.port, `/${name}`);
  }

  async stream(name: string): Promise<RawClient> {
    const client = await this.#request(name, "?stream");
    await client.readHead();
    return client;
  }

  poll(name: string): Promise<RawClient> {
    return this.#request(name, "");
  }

  /** Sends to a client that does not read until it is behind. @returns how many fillers that took */
  async fill(name: string): Promise<number> {
    const channel = this.channel(name);
    let count = 0;
    for (; channel.bufferedAmount < 2 * filler.length; count += 1) {
      channel.send(filler, { close: false });
      await nextCheck();
    }
    return count;
  }

  async #request(name: string, query: string): Promise<RawClient> {
    const client = await connectRaw(this.port);
    client.write(`GET /${name}${query} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await this.log.waitFor(`joined ${name}`);
    return client;
  }
}

/** The messages of a WebSocket behind so many fillers. */
export async function nextMessages(socket: RawWebSocket, fillers: number, count: number): Promise<(string | Buffer)[]> {
  for (let index = 0; index < fillers; index += 1) await socket.nextMessage();
  const messages = [];
  for (let index = 0; index < count; index += 1) messages.push(await socket.nextMessage());
  return messages;
}

/** What a stream brings behind so many fillers, as long as what is expected. */
export async function nextBytes(client: RawClient, fillers: number, bytes: number): Promise<string> {
  let text = "";
  while (text.length < fillers * filler.length + bytes) text += (await client.readChunk()).toString();
  return text.slice(fillers * filler.length);
}
