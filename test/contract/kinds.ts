import assert from "node:assert/strict";
import type { Channel, ChannelKind, CloseDetail, CloseStatus } from "../../src/index.ts";
import * as frames from "../support/frames.ts";
import { connectRaw, type RawClient, type ResponseHead, type WaitOptions } from "../support/raw-client.ts";
import type { Recorder } from "../support/recorder.ts";
import { openWebSocket, type RawWebSocket } from "../support/websocket-client.ts";
import { type Park, type ParkOptions, parkTest, type Parked } from "./park.ts";

/** A way in which a client leaves, and what the close handler is told for it. */
export type Departure = {
  readonly how: string;
  readonly leave: (client: RawClient) => void;
  readonly status: CloseStatus;
  readonly detail: CloseDetail;
};

/**
 * What differs between the three kinds of a channel, and nothing else: the rules are written once against this.
 *
 * A long-polling channel is one that has sent nothing yet; a streaming one has sent its head.
 */
export type Kind = {
  readonly name: ChannelKind;
  readonly isWebSocket: boolean;
  /** What `close` of a send is when it is not said. */
  readonly closesByDefault: boolean;
  /** Every way in which a client can leave without having been told to. */
  readonly departures: readonly Departure[];
  open(park: Park, path?: string): Promise<Peer>;
};

const lost: CloseDetail = { code: 1006, reason: "", wasClean: false };
const left: CloseDetail = { code: 1001, reason: "", wasClean: false };

function fin(client: RawClient): void {
  client.end();
}

function reset(client: RawClient): void {
  client.reset();
}

const httpDepartures: readonly Departure[] = [
  { how: "FIN", leave: fin, status: "client-close", detail: left },
  { how: "RST", leave: reset, status: "client-close", detail: left },
];

const webSocketDepartures: readonly Departure[] = [
  { how: "FIN without a Close frame", leave: fin, status: "abnormal", detail: lost },
  { how: "RST", leave: reset, status: "abnormal", detail: lost },
  {
    how: "a Close frame",
    leave: (client) => client.write(frames.close(1000, "bye")),
    status: "normal",
    detail: { code: 1000, reason: "bye", wasClean: true },
  },
];

export const webSocket: Kind = {
  name: "websocket",
  isWebSocket: true,
  closesByDefault: false,
  departures: webSocketDepartures,
  async open(park, path = nextPath()) {
    const socket = await openWebSocket(park.port, path);
    return new WebSocketPeer(await park.at(path), socket);
  },
};

export const longPolling: Kind = {
  name: "long-polling",
  isWebSocket: false,
  closesByDefault: true,
  departures: httpDepartures,
  async open(park, path = nextPath()) {
    const client = await connectRaw(park.port);
    client.write(getRequest(path));
    return new HttpPeer(await park.at(path), client);
  },
};

export const streaming: Kind = {
  name: "http-streaming",
  isWebSocket: false,
  closesByDefault: true,
  departures: httpDepartures,
  async open(park, path) {
    const peer = await longPolling.open(park, path);
    assert.equal(peer.channel.send(null, { close: false }), true);
    await peer.readStart();
    return peer;
  },
};

const kinds: readonly Kind[] = [webSocket, streaming, longPolling];
export const httpKinds: readonly Kind[] = [streaming, longPolling];

let pathCount = 0;

export function nextPath(): string {
  return `/park/${++pathCount}`;
}

export function getRequest(path: string, fields = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`;
}

/** Both ends of one channel. Its reads know where in the response or the frames they are. */
export abstract class Peer {
  readonly channel: Channel;
  readonly request: Request;
  readonly log: Recorder;
  readonly client: RawClient;

  constructor({ channel, request, log }: Parked, client: RawClient) {
    this.channel = channel;
    this.request = request;
    this.log = log;
    this.client = client;
  }

  /** Sends without closing, whatever the kind. */
  push(data: Parameters<Channel["send"]>[0]): boolean {
    return this.channel.send(data, { close: false });
  }

  /** Reads what comes before the first message: the head of a response. */
  abstract readStart(): Promise<void>;
  /** The next message, frame or chunk or body of a whole response. */
  abstract readBytes(options?: WaitOptions): Promise<Buffer>;
  /** That the server ended the channel in good order, and that not a byte more than that was written. */
  abstract expectGoodEnd(code?: number): Promise<void>;
  /** That the server cut the channel, so that the client sees that it is not whole. */
  abstract expectCut(code: number): Promise<void>;

  async readText(options?: WaitOptions): Promise<string> {
    return (await this.readBytes(options)).toString("utf8");
  }

  async readTexts(count: number): Promise<string[]> {
    const texts: string[] = [];
    for (let index = 0; index < count; index++) texts.push(await this.readText());
    return texts;
  }

  /** The close handler was called, once, with this. */
  async expectClose(status: CloseStatus, detail?: Partial<CloseDetail>): Promise<void> {
    const { args } = await this.log.waitFor("close");
    const [foundStatus, foundDetail, isOpen] = args as [CloseStatus, CloseDetail, boolean];
    assert.equal(foundStatus, status);
    if (detail !== undefined) assert.deepEqual({ ...foundDetail, ...detail }, foundDetail);
    assert.equal(isOpen, false, "the close handler sees a closed channel");
    assert.equal(this.log.of("close").length, 1);
  }

  /** Nothing that is done with it now has any effect. */
  expectDead(): void {
    assert.equal(this.channel.isOpen, false);
    assert.equal(this.channel.send("late"), false);
    assert.equal(this.channel.send("late", { close: true }), false);
    assert.equal(this.channel.close(), false);
  }
}

class WebSocketPeer extends Peer {
  readonly socket: RawWebSocket;

  constructor(parked: Parked, socket: RawWebSocket) {
    super(parked, socket.client);
    this.socket = socket;
  }

  override async readStart(): Promise<void> {
    // The 101 was read when it was opened.
  }

  override async readBytes(options?: WaitOptions): Promise<Buffer> {
    return Buffer.from(await this.socket.nextMessage(options));
  }

  override async expectGoodEnd(code = 1000): Promise<void> {
    await this.socket.expectClose(code);
    this.socket.sendClose(code);
    await this.client.expectEnd();
  }

  override async expectCut(code: number): Promise<void> {
    await this.expectGoodEnd(code);
  }
}

class HttpPeer extends Peer {
  #head: ResponseHead | undefined;
  #isWhole = false;

  override async readStart(): Promise<void> {
    this.#head = await this.client.readHead();
    assert.equal(this.#head.status, 200);
    this.#isWhole = this.#head.header("transfer-encoding") === undefined;
  }

  override async readBytes(options?: WaitOptions): Promise<Buffer> {
    if (this.#head === undefined) await this.readStart();
    if (!this.#isWhole) return this.client.readChunk(options);
    const length = this.#head?.header("content-length");
    return this.client.readBytes(Number(length), options);
  }

  override async expectGoodEnd(): Promise<void> {
    if (this.#head === undefined) assert.equal((await this.client.readResponse()).status, 204);
    else if (!this.#isWhole) assert.equal((await this.client.readChunk()).length, 0, "the end of the stream");
    await expectProbe(this.client);
  }

  override async expectCut(): Promise<void> {
    if (this.#head !== undefined) assert.ok(!this.client.received.includes("\r\n0\r\n\r\n"), "no end of the stream");
    await this.client.waitForEnd();
    assert.ok(!this.client.received.includes("\r\n0\r\n\r\n"), "no end of the stream");
  }
}

/** The connection answers its next request, and not a byte came before that answer. */
export async function expectProbe(client: RawClient): Promise<void> {
  client.write(getRequest("/probe"));
  const response = await client.readResponse();
  assert.equal(response.status, 200);
  assert.equal(response.text, "probe");
  assert.equal(client.unread.length, 0);
}

/** One rule, tested for each kind. */
export function eachKind(
  rule: string,
  run: (kind: Kind, park: Park) => Promise<void>,
  options: ParkOptions & { kinds?: readonly Kind[] } = {},
): void {
  for (const kind of options.kinds ?? kinds) parkTest(`${kind.name}: ${rule}`, (park) => run(kind, park), options);
}

/** The frames of a WebSocket channel, where a rule is about frames. */
export function socketOf(peer: Peer): RawWebSocket {
  if (!(peer instanceof WebSocketPeer)) throw new Error("not a WebSocket");
  return peer.socket;
}
