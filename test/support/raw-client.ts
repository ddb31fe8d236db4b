import type { Socket } from "node:net";
import { setImmediate as nextCheck, setTimeout as delay } from "node:timers/promises";
import { Inbox, showBytes, toBytes } from "./bytes.ts";
import type { Bytes } from "./bytes.ts";
import { Condition } from "./condition.ts";
import { parseChunk, parseHead, parseResponse } from "./http-response.ts";
import type { Ending, Parsed, RawResponse, ResponseHead, ResponseOptions } from "./http-response.ts";
import { openSocket } from "./open-socket.ts";
import type { ConnectOptions, OpenSocket } from "./open-socket.ts";

export type { Bytes } from "./bytes.ts";
export type { Ending, RawResponse, ResponseHead } from "./http-response.ts";
export type { ConnectOptions } from "./open-socket.ts";

/** Looks at all unread bytes and says which value stands at their start, or undefined while it is unfinished. */
export type Parser<T> = (unread: Buffer, ending: Ending | undefined) => Parsed<T> | undefined;
export type WaitOptions = { timeoutMs?: number };
const defaultTimeoutMs = 2000;
const openClients = new Set<RawClient>();

/** A TCP (or TLS, certificate unchecked) connection of which a test sees and decides every byte. */
export async function connectRaw(port: number, options: ConnectOptions = {}): Promise<RawClient> {
  return new RawClient(await openSocket(port, options));
}

/** For `afterEach`: drops every connection that a test left open, so that its server can stop. */
export function destroyOpenClients(): void {
  for (const client of openClients) client.destroy();
}

/**
 * Reads consume: each `read…` takes its bytes off the front of `unread`, and takes nothing when it rejects.
 * Every wait has a time limit, and its rejection shows what did arrive.
 */
export class RawClient {
  readonly socket: Socket;
  /** Resolves when the socket is gone in both directions; which, with half-open allowed, needs our own end too. */
  readonly closed: Promise<void>;
  /** The first error of the socket. It is kept here and never thrown. */
  error: Error | undefined;
  /** Set once nothing more can arrive. */
  ending: Ending | undefined;
  readonly #tcp: Socket;
  readonly #condition = new Condition();
  readonly #inbox = new Inbox();
  #pendingRead: string | undefined;

  constructor({ socket, tcp }: OpenSocket) {
    this.socket = socket;
    this.#tcp = tcp;
    openClients.add(this);
    const fail = (error: Error): void => void (this.error ??= error);
    tcp.on("error", fail);
    socket.on("error", fail);
    socket.on("data", (bytes) => this.#append(bytes));
    socket.on("end", () => this.#finish("fin"));
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        openClients.delete(this);
        this.#finish(this.error === undefined ? "destroyed" : "reset");
        resolve();
      });
    });
  }

  /** Everything that ever arrived. */
  get received(): Buffer {
    return this.#inbox.received;
  }

  /** What arrived and no read has taken yet. */
  get unread(): Buffer {
    return this.#inbox.unread;
  }

  write(data: Bytes): void {
    this.socket.write(toBytes(data));
  }

  /** One segment for each byte. Stops quietly when the server hangs up on the way. */
  async writeByteByByte(data: Bytes, { pauseMs = 0 }: { pauseMs?: number } = {}): Promise<void> {
    for (const byte of toBytes(data)) {
      if (!this.socket.writable) return;
      await this.#writeSegment(Buffer.of(byte));
      if (pauseMs > 0) await delay(pauseMs);
    }
  }

  /** Two segments, cut before the byte at `index`. */
  async writeSplit(data: Bytes, index: number): Promise<void> {
    const bytes = toBytes(data);
    await this.#writeSegment(bytes.subarray(0, index));
    await this.#writeSegment(bytes.subarray(index));
  }

  async #writeSegment(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    await new Promise<void>((resolve) => this.socket.write(bytes, () => resolve()));
    await nextCheck(); // a server in this process reads between two checks, not before the first one
    await nextCheck();
  }

  /** FIN: our side of the connection ends, the other one may go on. */
  end(): void {
    this.socket.end();
  }

  /** RST: the connection is gone without a word. */
  reset(): void {
    this.#tcp.resetAndDestroy();
    this.socket.destroy();
  }

  destroy(): void {
    this.socket.destroy();
    this.#tcp.destroy();
  }

  /** Stops reading, so that the server's output backs up. The end is not noticed either while paused. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** The general read. One at a time, because a forgotten one would take the bytes of the next. */
  async read<T>(what: string, parse: Parser<T>, { timeoutMs = defaultTimeoutMs }: WaitOptions = {}): Promise<T> {
    if (this.#pendingRead !== undefined) throw new Error(`a read of ${this.#pendingRead} is still waiting`);
    this.#pendingRead = what;
    const attempt = (): { value: T } | undefined => {
      const parsed = this.#parse(parse);
      if (parsed === undefined) {
        if (this.ending !== undefined) throw this.#failure(`the connection ended (${this.ending}), no ${what}`);
        return undefined;
      }
      this.#inbox.skip(parsed.sizeBytes);
      return { value: parsed.value };
    };
    const atTimeout = (): never => {
      throw this.#failure(`no ${what} in ${timeoutMs} ms`);
    };
    try {
      return (await this.#condition.until(attempt, { timeoutMs, atTimeout })).value;
    } finally {
      this.#pendingRead = undefined;
    }
  }

  /** Everything up to and with the given bytes; with a predicate, everything unread as soon as it holds. */
  readUntil(wanted: Bytes | ((unread: Buffer) => boolean), options?: WaitOptions): Promise<Buffer> {
    if (typeof wanted === "function") {
      return this.read("match", (unread) => (wanted(unread) ? take(unread, unread.length) : undefined), options);
    }
    const mark = toBytes(wanted);
    const find = (unread: Buffer): Parsed<Buffer> | undefined => {
      const index = unread.indexOf(mark);
      return index === -1 ? undefined : take(unread, index + mark.length);
    };
    return this.read(showBytes(mark), find, options);
  }

  readBytes(count: number, options?: WaitOptions): Promise<Buffer> {
    return this.read(`${count} bytes`, (all) => (all.length < count ? undefined : take(all, count)), options);
  }

  /** All that is left, once the connection has ended. */
  readToEnd(options?: WaitOptions): Promise<Buffer> {
    return this.read("end", (all, ending) => (ending === undefined ? undefined : take(all, all.length)), options);
  }

  readHead(options?: WaitOptions): Promise<ResponseHead> {
    return this.read("response head", parseHead, options);
  }

  /** The next chunk's payload, empty at the terminator (which is taken with its trailers). */
  async readChunk(options?: WaitOptions): Promise<Buffer> {
    return (await this.read("chunk", parseChunk, options)).payload;
  }

  /** One response, an interim one (1xx) included; `complete` is false when the connection ended inside its body. */
  readResponse(options: WaitOptions & ResponseOptions = {}): Promise<RawResponse> {
    return this.read("response", (unread, ending) => parseResponse(unread, ending, options), options);
  }

  /** Resolves with how the connection ended. A server that closes on unread input may send either FIN or RST. */
  waitForEnd({ timeoutMs = defaultTimeoutMs }: WaitOptions = {}): Promise<Ending> {
    const atTimeout = (): never => {
      throw this.#failure(`no end in ${timeoutMs} ms`);
    };
    return this.#condition.until(() => this.ending, { timeoutMs, atTimeout });
  }

  /** Like `waitForEnd`, and rejects when any byte is left unread before it. */
  async expectEnd(options?: WaitOptions): Promise<Ending> {
    const ending = await this.waitForEnd(options);
    if (this.unread.length > 0) throw this.#failure("bytes before the end");
    return ending;
  }

  /** Rejects when a byte (one still unread counts) or the end arrives in this time. */
  async expectNothing(ms = 300): Promise<void> {
    if (this.socket.isPaused()) throw new Error("nothing can arrive while reading is paused");
    const attempt = (): undefined => {
      if (this.unread.length > 0) throw this.#failure(`bytes where nothing was expected for ${ms} ms`);
      if (this.ending !== undefined) throw this.#failure(`the end (${this.ending}) where nothing was expected`);
    };
    await this.#condition.until<void>(attempt, { timeoutMs: ms, atTimeout: () => undefined });
  }

  #parse<T>(parse: Parser<T>): Parsed<T> | undefined {
    try {
      return parse(this.unread, this.ending);
    } catch (error) {
      throw this.#failure(error instanceof Error ? error.message : String(error));
    }
  }

  #append(bytes: Buffer): void {
    this.#inbox.append(bytes);
    this.#condition.changed();
  }

  #finish(ending: Ending): void {
    this.ending ??= ending;
    this.#condition.changed();
  }

  #failure(what: string): Error {
    return new Error(`${what}; ${this.#inbox.describe()}`, { cause: this.error });
  }
}

function take(unread: Buffer, sizeBytes: number): Parsed<Buffer> {
  return { value: Buffer.from(unread.subarray(0, sizeBytes)), sizeBytes };
}
