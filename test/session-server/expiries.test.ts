import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Expiries } from "../../src/session-server/expiries.ts";
import { ScriptedServer } from "../session/script.ts";
import { VirtualClock, waiterClock } from "../session/virtual-clock.ts";

const hourMs = 3_600_000;

function createRight() {
  const clock = new VirtualClock();
  const expiries = new Expiries(waiterClock(clock));
  const server = new ScriptedServer();
  const { transport } = server.attach({});
  const [session] = server.sessions;
  assert.ok(session !== undefined);
  return { clock, expiries, transport, session };
}

describe("a right to sessions", () => {
  it("ends by the clock on the wall, however late the one of sessions is", (t) => {
    const { clock, expiries, transport, session } = createRight();
    const nowMs = Date.now();
    const wall = t.mock.method(Date, "now", () => nowMs);
    expiries.set(session, nowMs + hourMs);
    clock.advance(60_000);
    assert.deepEqual(transport.detached, []);
    // The machine has slept.
    wall.mock.mockImplementation(() => nowMs + hourMs);
    clock.advance(10_000);
    assert.deepEqual(transport.detached, [4010]);
  });

  it("does not end before, when the clock of sessions is early", (t) => {
    const { clock, expiries, transport, session } = createRight();
    const nowMs = Date.now();
    const wall = t.mock.method(Date, "now", () => nowMs);
    expiries.set(session, nowMs + 1000);
    clock.advance(1000);
    assert.deepEqual(transport.detached, []);
    wall.mock.mockImplementation(() => nowMs + 1000);
    clock.advance(1000);
    assert.deepEqual(transport.detached, [4010]);
  });
});
