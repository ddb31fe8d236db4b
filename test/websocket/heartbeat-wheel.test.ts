import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { Heartbeat, type Watched } from "../../src/websocket/heartbeat.ts";

/** A peer that answers pings, or does not, and what the heartbeat did to it and when. */
class Peer implements Watched {
  lastHeardBeat = -1;
  pingedBeat = -1;
  dueBeat = -1;
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

describe("the heartbeat of a server", () => {
  let clock: Clock;
  beforeEach(() => {
    mock.timers.enable({ apis: ["setInterval"] });
    clock = new Clock();
  });
  afterEach(() => mock.timers.reset());

  it("pings after the interval and gives up when the answer is late [C42, C72]", () => {
    const peer = new Peer(new Heartbeat(1000, 500), clock);
    clock.pass(3000);
    assert.deepEqual(peer.events, ["ping 1000", "lost 1500"]);
  });

  it("pings again and again while it is answered [C42, C72]", () => {
    const peer = new Peer(new Heartbeat(1000, 500), clock);
    peer.answers = true;
    clock.pass(4500);
    assert.deepEqual(peer.events, ["ping 1000", "ping 2000", "ping 3000", "ping 4000"]);
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
      clock.pass(900);
      peer.hear();
    }
    assert.deepEqual(peer.events, []);
    clock.pass(1500);
    assert.deepEqual(peer.events, ["ping 19000", "lost 19500"]);
  });

  it("waits out an interval longer than a turn of the wheel [C42, C72]", () => {
    const peer = new Peer(new Heartbeat(60_000, 100), clock);
    clock.pass(61_000);
    assert.deepEqual(peer.events, ["ping 60000", "lost 60100"]);
  });

  it("waits out an answer longer than a turn of the wheel [C42, C72]", () => {
    const peer = new Peer(new Heartbeat(100, 10_000), clock);
    clock.pass(11_000);
    assert.deepEqual(peer.events, ["ping 100", "lost 10100"]);
  });

  it("lets go of a peer that is forgotten in the very beat in which it is due [C42, C72]", () => {
    const heartbeat = new Heartbeat(1000, 500);
    const first = new Peer(heartbeat, clock);
    const second = new Peer(heartbeat, clock);
    const third = new Peer(heartbeat, clock);
    first.whenLost = () => heartbeat.forget(second);
    clock.pass(5000);
    assert.deepEqual(first.events, ["ping 1000", "lost 1500"]);
    assert.deepEqual(second.events, ["ping 1000"]);
    assert.deepEqual(third.events, ["ping 1000", "lost 1500"]);
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
    heartbeat.watch(peer);
    clock.pass(2000);
    assert.deepEqual(peer.events, ["ping 1000", "ping 7200", "lost 7700"]);
  });
});
