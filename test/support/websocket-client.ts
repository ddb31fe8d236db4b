import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { toBytes } from "./bytes.ts";
import { MessageInflater } from "./deflate.ts";
import * as frames from "./frames.ts";
import type { Frame, FrameOptions, Payload } from "./frames.ts";
import { acceptValue, handshakeRequest } from "./handshake.ts";
import type { HandshakeOptions } from "./handshake.ts";
import { connectRaw } from "./raw-client.ts";
import type { Bytes, ConnectOptions, Ending, RawClient, ResponseHead, WaitOptions } from "./raw-client.ts";

export type OpenWebSocketOptions = Omit<HandshakeOptions, "path" | "method" | "httpVersion"> & {
  /** How to connect; `host` of the options themselves is the Host header. */
  connect?: ConnectOptions;
  /** Written in the same segment as the handshake, so that they arrive before the server can have answered. */
  firstFrames?: Uint8Array | readonly Uint8Array[];
};

/** Opens a WebSocket and checks the 101: accept value, upgrade headers, nothing selected that was not offered. */
export async function openWebSocket(
  port: number,
  path = "/",
  options: OpenWebSocketOptions = {},
): Promise<RawWebSocket> {
  const { connect = {}, firstFrames = [], ...rest } = options;
  const key = rest.key ?? randomBytes(16).toString("base64");
  const client = await connectRaw(port, connect);
  try {
    const handshake = Buffer.from(handshakeRequest({ ...rest, key, path }), "latin1");
    client.write(Buffer.concat([handshake, ...(firstFrames instanceof Uint8Array ? [firstFrames] : firstFrames)]));
    const wait = connect.timeoutMs === undefined ? {} : { timeoutMs: connect.timeoutMs };
    const head = await client.readHead(wait);
    checkAnswer(head, key, rest);
    return new RawWebSocket(client, head);
  } catch (error) {
    client.destroy();
    throw error;
  }
}

function checkAnswer(head: ResponseHead, key: string, offer: HandshakeOptions): void {
  assert.equal(head.status, 101, `the handshake was refused: ${head.statusLine}`);
  assert.equal(head.header("sec-websocket-accept"), acceptValue(key));
  assert.equal(head.header("upgrade")?.toLowerCase(), "websocket");
  assert.equal(head.header("connection")?.toLowerCase(), "upgrade");
  const protocol = head.header("sec-websocket-protocol");
  if (protocol !== undefined) assert.ok(offer.protocols?.includes(protocol), `protocol ${protocol} was not offered`);
  const extensions = head.header("sec-websocket-extensions");
  if (extensions !== undefined) assert.ok(offer.extensions, `extension ${extensions} was not offered`);
}

/** A WebSocket of which a test sees every frame. It answers nothing by itself, neither pings nor a Close. */
export class RawWebSocket {
  readonly client: RawClient;
  readonly response: ResponseHead;
  /** Pings and pongs that `nextMessage` passed over. */
  readonly passedOver: Frame[] = [];
  readonly #inflater = new MessageInflater();

  constructor(client: RawClient, response: ResponseHead) {
    this.client = client;
    this.response = response;
  }

  /** Any bytes, which need not be frames. */
  send(...bytes: Bytes[]): void {
    this.client.write(Buffer.concat(bytes.map(toBytes)));
  }

  sendText(payload: Payload, options?: FrameOptions): void {
    this.client.write(frames.text(payload, options));
  }

  sendBinary(payload: Payload, options?: FrameOptions): void {
    this.client.write(frames.binary(payload, options));
  }

  sendPing(payload?: Payload, options?: FrameOptions): void {
    this.client.write(frames.ping(payload, options));
  }

  sendPong(payload?: Payload, options?: FrameOptions): void {
    this.client.write(frames.pong(payload, options));
  }

  sendClose(code?: number, reason?: Payload, options?: FrameOptions): void {
    this.client.write(frames.close(code, reason, options));
  }

  nextFrame(options?: WaitOptions): Promise<Frame> {
    return this.client.read("frame", frames.parseFrame, options);
  }

  /** The next message, put together and inflated where needed: a string for text, a Buffer for binary. */
  async nextMessage(options?: WaitOptions): Promise<string | Buffer> {
    let first: Frame | undefined;
    const parts: Buffer[] = [];
    for (;;) {
      const next = await this.nextFrame(options);
      if (next.opcode === frames.opcodes.close) assert.fail(`no message but ${showFrame(next)}`);
      if (next.opcode >= 8) {
        this.passedOver.push(next);
        continue;
      }
      assert.equal(next.opcode === frames.opcodes.continuation, first !== undefined, `out of turn: ${showFrame(next)}`);
      first ??= next;
      parts.push(next.payload);
      if (next.fin) return this.#decode(first, Buffer.concat(parts));
    }
  }

  /** The very next frame must be a Close with this code (undefined: an empty one) and, if given, this reason. */
  async expectClose(code: number | undefined, options: WaitOptions & { reason?: string } = {}): Promise<Frame> {
    const next = await this.nextFrame(options);
    assert.equal(next.opcode, frames.opcodes.close, `no Close but ${showFrame(next)}`);
    const found = frames.parseClosePayload(next.payload);
    assert.equal(found.code, code, showFrame(next));
    if (options.reason !== undefined) assert.equal(found.reason, options.reason);
    return next;
  }

  /** That Close, then the end of the connection, and not a byte between the two. */
  async expectCloseAndEnd(code: number | undefined, options: WaitOptions & { reason?: string } = {}): Promise<Ending> {
    await this.expectClose(code, options);
    return this.client.expectEnd(options);
  }

  waitForEnd(options?: WaitOptions): Promise<Ending> {
    return this.client.waitForEnd(options);
  }

  expectNothing(ms?: number): Promise<void> {
    return this.client.expectNothing(ms);
  }

  #decode(first: Frame, payload: Buffer): string | Buffer {
    const message = first.rsv === 4 ? this.#inflater.inflate(payload) : payload;
    if (first.opcode === frames.opcodes.binary) return message;
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(message);
  }
}

function showFrame(frame: Frame): string {
  const { bytes, ...rest } = frame;
  const payload = JSON.stringify(frame.payload.toString("latin1", 0, 200));
  return `${JSON.stringify({ ...rest, payload: undefined })} payload ${payload} (${bytes.length} bytes)`;
}
