import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { Heartbeat, type Watched } from "../../src/websocket/heartbeat.ts";

/** A peer that answers pings, or does not, and what the heartbeat did to it and when. */
class Peer implements Watched {
  lastHeardBeat = -1;
  pingedBeat = -1;
  #dueBeat = -1;
  /** How often the heartbeat asked when it is due. */
  reads = 0;
  readonly events: string[] = [];
  readonly #heartbeat: Heartbeat;
  readonly #clock: Clock;
  whenLost: () => void = () => undefined;
  answers = false;

  constructor(heartbeat: Heartbeat, clock: Clock) {
    this.#heartbeat = heartbeat;
    this.#clock = clock;
    heartbeat.watch(this);
  }

  get dueBeat(): number {
    this.reads += 1;
    return this.#dueBeat;
  }

  set dueBeat(beat: number) {
    this.#dueBeat = beat;
  }

  ping(): void {
    this.events.push(`ping ${this.#clock.nowMs}`);
    if (this.answers) this.hear();
  }

  connectionLost(): void {
    this.events.push(`lost ${this.#clock.nowMs}`);
    this.whenLost();
  }

  hear(): void {
    this.lastHeardBeat = this.#heartbeat.now;
  }
}

/**
 * What was to happen when: each ping after an interval of silence or up to a fifth less, and what comes behind it to the
 * millisecond. The clock steps on by beats of 10 ms or more, of which these times are whole numbers.
 */
function assertPinged(
  peer: Peer,
  intervalMs: number,
  more: { readonly sinceMs?: number; readonly lostAfterMs?: number } = {},
): void {
  const { sinceMs = 0, lostAfterMs } = more;
  const [, pinged] = /^ping (\d+)$/.exec(peer.events[0] ?? "") ?? [];
  const silenceMs = Number(pinged) - sinceMs;
  assert.ok(silenceMs >= intervalMs * 0.8 && silenceMs <= intervalMs, peer.events.join(", "));
  const lost = lostAfterMs === undefined ? [] : [`lost ${Number(pinged) + lostAfterMs}`];
  assert.deepEqual(peer.events, [`ping ${pinged}`, ...lost]);
}

/** Time that the test lets pass, in steps smaller than a beat. */
class Clock {
  nowMs = 0;

  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 10) {
      this.nowMs += 10;
      mock.timers.tick(10);
    }
  }
}

/** In milliseconds. */
const beatOf = (intervalMs: number, answerMs: number): number =>
  Math.max(10, Math.min(250, Math.min(intervalMs, answerMs) / 10));

describe("the heartbeat of a server", () => {
  let clock: Clock;
  beforeEach(() => {
    mock.timers.enable({ apis: ["setInterval"] });
    clock = new Clock();
  });
  afterEach(() => mock.timers.reset());

  it("pings after the interval, or up to a fifth earlier, and gives up when the answer is late [C42, C72]", () => {
    const peer = new Peer(new Heartbeat(1000, 500), clock);
    clock.pass(3000);
    assertPinged(peer, 1000, { lostAfterMs: 500 });
  });

  for (const [intervalMs, answerMs] of [
    [25_000, 10_000],
    [1000, 500],
    [1000, 3000],
    [60_000, 100],
  ] as const) {
    const what = `${intervalMs} ms, and answers in ${answerMs} ms`;
    it(`spreads pings of peers that came at once over a fifth of the interval: ${what} [C42, C72]`, () => {
      const heartbeat = new Heartbeat(intervalMs, answerMs);
      const peers = Array.from({ length: 1000 }, () => new Peer(heartbeat, clock));
      for (const peer of peers) peer.answers = true;
      // Again and again: what they do together, answering or sending, brings them together no more than coming does.
      for (let round = 0; round < 3; round += 1) {
        for (const peer of peers) peer.events.length = 0;
        const sinceMs = clock.nowMs;
        for (const peer of peers) peer.hear();
        clock.pass(intervalMs);
        for (const peer of peers) assertPinged(peer, intervalMs, { sinceMs });
        const times = peers.map(({ events: [event = ""] }) => Number(event.slice("ping ".length)));
        const counts = new Map<number, number>();
        for (const time of times) counts.set(time, (counts.get(time) ?? 0) + 1);
        // As many as there are beats in a fifth of the interval, and one more.
        const parts = Math.floor(intervalMs / 5 / beatOf(intervalMs, answerMs)) + 1;
        assert.ok(counts.size >= 0.5 * Math.min(parts, peers.length), `${counts.size} of ${parts}`);
        assert.ok(Math.max(...counts.values()) <= Math.max(6, (2 * peers.length) / parts), [...counts.values()].join());
      }
    });
  }

  it("pings again and again while it is answered [C42, C72]", () => {
    const peer = new Peer(new Heartbeat(1000, 500), clock);
    peer.answers = true;
    clock.pass(4500);
    const times = peer.events.map((event) => Number(event.slice("ping ".length)));
    assert.ok(times.length >= 4 && times.length <= 5, peer.events.join());
    for (const [index, time] of times.entries()) {
      const silenceMs = time - (times[index - 1] ?? 0);
      assert.ok(silenceMs >= 800 && silenceMs <= 1000, peer.events.join());
    }
  });

  it("counts an answer to the last ping only for that one, also when the answer may take longer than the interval [C42, C72]", () => {
    const peer = new Peer(new Heartbeat(1000, 3000), clock);
    peer.answers = true;
    clock.pass(10_000);
    assert.ok(
      peer.events.every((event) => event.startsWith("ping")),
      peer.events.join(", "),
    );
    assert.ok(peer.events.length >= 4);
    peer.answers = false;
    clock.pass(5000);
    const lastPing = peer.events.at(-2);
    const pingedAtMs = Number(lastPing?.split(" ")[1]);
    assert.deepEqual(peer.events.slice(-2), [lastPing, `lost ${pingedAtMs + 3000}`]);
  });

  it("does not ping while there is traffic [C42, C72]", () => {
    const peer = new Peer(new Heartbeat(1000, 500), clock);
    for (let times = 0; times < 20; times++) {
      clock.pass(700);
      peer.hear();
    }
    assert.deepEqual(peer.events, []);
    clock.pass(1500);
    assertPinged(peer, 1000, { sinceMs: 20 * 700, lostAfterMs: 500 });
  });

  it("waits out an interval longer than a turn of the wheel [C42, C72]", () => {
    const peer = new Peer(new Heartbeat(60_000, 100), clock);
    clock.pass(61_000);
    assertPinged(peer, 60_000, { lostAfterMs: 100 });
  });

  it("waits out an answer longer than a turn of the wheel [C42, C72]", () => {
    const peer = new Peer(new Heartbeat(100, 10_000), clock);
    clock.pass(11_000);
    assertPinged(peer, 100, { lostAfterMs: 10_000 });
  });

  it("lets go of a peer that is forgotten in the very beat in which it is due [C42, C72]", () => {
    // Of four beats, and so short that a fifth of it is none: all are due together.
    const heartbeat = new Heartbeat(40, 500);
    const first = new Peer(heartbeat, clock);
    const second = new Peer(heartbeat, clock);
    const third = new Peer(heartbeat, clock);
    first.whenLost = () => heartbeat.forget(second);
    clock.pass(5000);
    assert.deepEqual(first.events, ["ping 40", "lost 540"]);
    assert.deepEqual(second.events, ["ping 40"]);
    assert.deepEqual(third.events, ["ping 40", "lost 540"]);
  });

  it("spreads pings also of a peer whose answers may take longer than the interval [C42, C72]", () => {
    const peer = new Peer(new Heartbeat(1000, 3000), clock);
    peer.answers = true;
    clock.pass(50_000);
    const times = peer.events.map((event) => Number(event.slice("ping ".length)));
    const silences = new Set(times.slice(1).map((time, index) => time - (times[index] ?? 0)));
    // In beats of 100 ms.
    assert.deepEqual(
      [...silences].toSorted((one, other) => one - other),
      [800, 900, 1000],
      peer.events.join(),
    );
  });

  it("keeps a peer in one place, and looks at it when it is due alone [C42, C72]", () => {
    const peer = new Peer(new Heartbeat(1000, 500), clock);
    peer.answers = true;
    // Ten turns of the wheel.
    clock.pass(128_000);
    // It is looked at twice between two pings at most, and filed then: each time its beat is read once or twice.
    assert.ok(peer.events.length > 100);
    assert.ok(peer.reads < 5 * peer.events.length, `${peer.reads} for ${peer.events.length} pings`);
  });

  it("does not look at a peer again that is forgotten: nothing is left of it [C42, C72]", () => {
    const heartbeat = new Heartbeat(1000, 500);
    const other = new Peer(heartbeat, clock);
    other.answers = true;
    const peer = new Peer(heartbeat, clock);
    clock.pass(500);
    heartbeat.forget(peer);
    const { reads } = peer;
    clock.pass(30_000);
    assert.equal(peer.reads, reads);
    assert.deepEqual(peer.events, []);
    assert.ok(other.events.length > 20);
  });

  it("is off with an interval of 0 [C42, C72]", () => {
    const peer = new Peer(new Heartbeat(0, 100), clock);
    clock.pass(10_000);
    assert.deepEqual(peer.events, []);
  });

  it("begins anew for a peer that is forgotten and watched again [C42, C72]", () => {
    const heartbeat = new Heartbeat(1000, 500);
    const peer = new Peer(heartbeat, clock);
    clock.pass(1200);
    heartbeat.forget(peer);
    clock.pass(5000);
    assertPinged(peer, 1000);
    peer.events.length = 0;
    heartbeat.watch(peer);
    clock.pass(2000);
    assertPinged(peer, 1000, { sinceMs: 6200, lostAfterMs: 500 });
  });
});
