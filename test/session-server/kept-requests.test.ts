import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { destroyOpenClients } from "../support/raw-client.ts";
import { collectGarbage } from "../support/resources.ts";
import { eventually } from "../support/expect.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, SessionWebSocket } from "./session-client.ts";
import { setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const mebibyte = 2 ** 20;
/** 60 KiB of header lines, each of a length that is taken. */
function longHeaders(seed: number): Record<string, string> {
  const lines = Array.from({ length: 15 }, (_, index) => [`X-Long-${index}`, `${seed}-`.padEnd(4080, "x")]);
  return Object.fromEntries(lines) as Record<string, string>;
}

describe("sessions whose first requests are large, and whose clients have left", () => {
  it("count what is kept of those, so that all of them stay within maxTotalReplayBytes", async (t) => {
    const maxTotalReplayBytes = 2 * mebibyte;
    const { port, sessions, channels, log } = await setSessions(t, { limits: { maxTotalReplayBytes } });
    await collectGarbage();
    const before = process.memoryUsage().heapUsed;
    const count = 400;
    for (let index = 0; index < count; index += 1) {
      const socket = await SessionWebSocket.open(port, { headers: longHeaders(index) });
      await socket.attach(attachRecord(1));
      socket.socket.client.reset();
      await socket.socket.client.closed;
    }
    await eventually(() => assert.ok(channels.every(({ isPresent }) => !isPresent)));
    const kept = channels.filter(({ isOpen }) => isOpen);
    // Each keeps all of its request, which its channel shows.
    assert.equal(kept.at(-1)?.request.headers.get("x-long-14")?.length, 4080);
    assert.ok(sessions.size >= 20 && sessions.size <= 34, `${sessions.size} sessions`);
    assert.equal(log.of("close").length, count - sessions.size);
    channels.length = 0;
    kept.length = 0;
    await collectGarbage();
    const grownBytes = process.memoryUsage().heapUsed - before;
    // Without counting them it is 24 MiB.
    assert.ok(grownBytes < 3 * maxTotalReplayBytes, `${grownBytes} bytes`);
  });
});
