import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { Expiries } from "../../src/session-server/expiries.ts";
import { VirtualClock, waiterClock } from "../session/virtual-clock.ts";
import { stopWall } from "../support/wall.ts";

const hourMs = 3_600_000;
const returnMs = 5000;

/** A right, what was told of it, and the clock on the wall, which goes only when it is told to. */
function createRight(t: TestContext) {
  const clock = new VirtualClock();
  const expiries = new Expiries({ clock: waiterClock(clock), returnMs });
  const told: string[] = [];
  const entitled = {
    renew: () => void told.push("renew"),
    expire: () => void told.push("expire"),
    missed: () => void told.push("missed"),
  };
  const setWall = stopWall(t);
  const startMs = Date.now();
  /** Both clocks at once, by steps in which those of sessions look at the other one. */
  let passedMs = 0;
  const pass = (durationMs: number): void => {
    for (const endMs = passedMs + durationMs; passedMs < endMs;) {
      passedMs += 100;
      setWall(passedMs);
      clock.advance(100);
    }
  };
  return { clock, expiries, told, entitled, startMs, setWall, pass };
}

describe("a right to sessions", () => {
  it("ends by the clock on the wall, however late the one of sessions is", (t) => {
    const { clock, expiries, told, entitled, startMs, setWall } = createRight(t);
    expiries.set(entitled, startMs + hourMs);
    clock.advance(60_000);
    assert.deepEqual(told, []);
    // The machine has slept.
    setWall(hourMs);
    clock.advance(10_000);
    assert.deepEqual(told, ["expire"]);
  });

  it("does not end before, when the clock of sessions is early", (t) => {
    const { clock, expiries, told, entitled, startMs, setWall } = createRight(t);
    expiries.set(entitled, startMs + 1000);
    clock.advance(1000);
    assert.deepEqual(told, []);
    setWall(1000);
    clock.advance(1000);
    assert.deepEqual(told, ["expire"]);
  });

  it("is to be renewed before: half a minute, and a fifth of one that is short", (t) => {
    const { expiries, told, entitled, startMs, pass } = createRight(t);
    expiries.set(entitled, startMs + hourMs);
    pass(hourMs - 30_100);
    assert.deepEqual(told, []);
    pass(200);
    assert.deepEqual(told, ["renew"]);
    expiries.set(entitled, Date.now() + 60_000);
    pass(47_900);
    assert.deepEqual(told, ["renew"]);
    pass(200);
    assert.deepEqual(told, ["renew", "renew"]);
  });

  it("is to be renewed once: a client that shows the same one again has no other yet, and is missed if it brings none", (t) => {
    const { expiries, told, entitled, startMs, pass } = createRight(t);
    expiries.set(entitled, startMs + 60_000);
    pass(50_000);
    expiries.set(entitled, startMs + 60_000);
    pass(9900);
    assert.deepEqual(told, ["renew"]);
    pass(200);
    assert.deepEqual(told, ["renew", "expire"]);
    pass(returnMs - 200);
    assert.deepEqual(told, ["renew", "expire"]);
    pass(200);
    assert.deepEqual(told, ["renew", "expire", "missed"]);
  });

  it("that ended is forgotten when another one is shown", (t) => {
    const { expiries, told, entitled, startMs, pass } = createRight(t);
    expiries.set(entitled, startMs + 10_000);
    pass(10_000);
    expiries.set(entitled, undefined);
    pass(hourMs);
    assert.deepEqual(told, ["renew", "expire"]);
  });
});
