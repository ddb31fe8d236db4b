import type { Message } from "../../src/channel/message-type.ts";
import type { Random } from "../support/random.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** One end of a link, as its owner sees it. */
export type LinkEnd = {
  onFrame: (frame: Message) => void;
  onClose: (code: number) => void;
  send(frame: Message): void;
  close(code: number): void;
};

/** How often things go wrong, from 0 to 1. */
export type Faults = { rate: number; isDown: boolean };

type Direction = { isMute: boolean; readyAtMs: number; inFlight: Set<() => void> };

/** What carries frames between two ends, in order, until it is cut. */
export class Link {
  readonly client: LinkEnd;
  readonly server: LinkEnd;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #up: Direction = { isMute: false, readyAtMs: 0, inFlight: new Set() };
  readonly #down: Direction = { isMute: false, readyAtMs: 0, inFlight: new Set() };
  readonly #latencyMs: number;
  readonly #isClosedFor = new Set<LinkEnd>();

  constructor(clock: VirtualClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    this.#latencyMs = random.pick([1, 5, 30, 200]);
    this.client = this.#end(this.#up, () => this.server);
    this.server = this.#end(this.#down, () => this.client);
  }

  /** From here on nothing arrives in one direction or both, and nobody is told. */
  mute(): void {
    const which = this.#random.int(0, 2);
    if (which !== 1) this.#up.isMute = true;
    if (which !== 0) this.#down.isMute = true;
  }

  /** Loses all that is on its way but a first part; each end may be told of it, or never. */
  cut(): void {
    for (const direction of [this.#up, this.#down]) {
      direction.isMute = true;
      const cancels = [...direction.inFlight];
      for (const cancel of cancels.slice(this.#random.int(0, cancels.length))) cancel();
    }
    for (const end of [this.client, this.server]) {
      if (this.#random.chance(0.8)) this.#clock.after(this.#random.int(0, 3000), () => this.#closeFor(end, 1006));
    }
  }

  #end(out: Direction, other: () => LinkEnd): LinkEnd {
    const end: LinkEnd = {
      onFrame: () => undefined,
      onClose: () => undefined,
      send: (frame) => {
        if (this.#isClosedFor.has(end)) return;
        this.#carry(out, () => {
          if (!this.#isClosedFor.has(other())) other().onFrame(frame);
        });
      },
      close: (code) => {
        if (this.#isClosedFor.has(end)) return;
        this.#isClosedFor.add(end);
        this.#carry(out, () => this.#closeFor(other(), code));
      },
    };
    return end;
  }

  #carry(direction: Direction, deliver: () => void): void {
    if (direction.isMute) return;
    const atMs = Math.max(direction.readyAtMs, this.#clock.now() + this.#latencyMs + this.#random.int(0, 5));
    direction.readyAtMs = atMs;
    const cancel = this.#clock.after(atMs - this.#clock.now(), () => {
      direction.inFlight.delete(cancel);
      deliver();
    });
    direction.inFlight.add(cancel);
  }

  #closeFor(end: LinkEnd, code: number): void {
    if (this.#isClosedFor.has(end)) return;
    this.#isClosedFor.add(end);
    end.onClose(code);
  }
}

/** A response, as the server writes it. */
export type Answering = { write(bytes: Uint8Array): void; end(): void; onAbort: () => void };

/** A response, as the client reads it. */
export type Reading = { chunk(bytes: Uint8Array): void; end(): void; failed(): void };

/** Takes a request that arrived, which may be a copy of one that arrived before. */
export type RequestListener<Head> = (head: Head, body: Uint8Array, answer: Answering) => void;

/** What carries requests: they are lost, doubled and late, and so are the bytes of their responses. */
export class Requests<Head> {
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #faults: Faults;
  readonly #listener: RequestListener<Head>;
  readonly #open = new Set<() => void>();

  constructor(clock: VirtualClock, random: Random, faults: Faults, listener: RequestListener<Head>) {
    this.#clock = clock;
    this.#random = random;
    this.#faults = faults;
    this.#listener = listener;
  }

  /** @returns aborts it */
  send(head: Head, body: Uint8Array, reading: Reading): () => void {
    const response = new Response(this.#clock, this.#random, reading);
    const isFaulty = this.#random.chance(this.#faults.rate);
    if (this.#faults.isDown || (isFaulty && this.#random.chance(0.3))) {
      // Lost on its way there: told, or not.
      if (this.#random.chance(0.5)) this.#clock.after(this.#random.int(0, 1000), () => response.cut());
      return () => response.abort();
    }
    if (isFaulty && this.#random.chance(0.4)) this.#copy(head, body, response);
    else this.#arrive(head, body, response);
    if (isFaulty && this.#random.chance(0.6)) response.breakLater();
    const cut = (): void => response.cut();
    this.#open.add(cut);
    return () => {
      this.#open.delete(cut);
      response.abort();
    };
  }

  /** Cuts every response that is open. */
  cutAll(): void {
    for (const cut of this.#open) if (this.#random.chance(0.7)) cut();
    this.#open.clear();
  }

  /** The request arrives twice, the copy sooner or much later; the response to either is the one that is read. */
  #copy(head: Head, body: Uint8Array, response: Response): void {
    const nowhere = new Response(this.#clock, this.#random, undefined);
    const [first, second] = this.#random.chance(0.5) ? [response, nowhere] : [nowhere, response];
    this.#arrive(head, body, first);
    this.#clock.after(this.#random.pick([1, 50, 4000, 20_000]), () => this.#arrive(head, body, second));
  }

  #arrive(head: Head, body: Uint8Array, response: Response): void {
    this.#clock.after(this.#random.pick([1, 5, 30, 200]), () => this.#listener(head, body, response.answer));
  }
}

class Response {
  readonly answer: Answering;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #reading: Reading | undefined;
  readonly #latencyMs: number;
  #readyAtMs = 0;
  #isOver = false;
  /** Bytes that still arrive. */
  #leftBytes = Number.POSITIVE_INFINITY;

  constructor(clock: VirtualClock, random: Random, reading: Reading | undefined) {
    this.#clock = clock;
    this.#random = random;
    this.#reading = reading;
    this.#latencyMs = random.pick([1, 5, 30, 200]);
    this.answer = {
      write: (bytes) => this.#write(bytes),
      end: () => this.#later(() => this.#finish((read) => read.end())),
      onAbort: () => undefined,
    };
  }

  /** Somewhere in its bytes it breaks off, or falls silent. */
  breakLater(): void {
    this.#leftBytes = this.#random.int(0, 300);
  }

  cut(): void {
    this.#finish((read) => read.failed());
    if (this.#random.chance(0.7)) this.answer.onAbort();
  }

  abort(): void {
    this.#isOver = true;
    if (this.#random.chance(0.7)) this.#clock.after(this.#latencyMs, () => this.answer.onAbort());
  }

  #write(bytes: Uint8Array): void {
    const arriving = bytes.subarray(0, Math.min(bytes.length, this.#leftBytes));
    this.#leftBytes -= arriving.length;
    for (const piece of this.#random.slices(arriving, 60)) {
      this.#later(() => {
        if (!this.#isOver) this.#reading?.chunk(piece);
      });
    }
    if (arriving.length === bytes.length) return;
    if (this.#random.chance(0.6)) this.#later(() => this.cut());
    else this.#later(() => (this.#isOver = true));
  }

  #finish(tell: (reading: Reading) => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#reading !== undefined) tell(this.#reading);
  }

  #later(run: () => void): void {
    const nowMs = this.#clock.now();
    this.#readyAtMs = Math.max(this.#readyAtMs, nowMs + this.#latencyMs);
    this.#clock.after(this.#readyAtMs - nowMs, run);
  }
}
