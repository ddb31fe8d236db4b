import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import { watchPlatform } from "../../src/client/platform.ts";

/** Node has none of these: the page of the test. They have to be there before the first channel. */
const page = new EventTarget();
Object.assign(globalThis, { addEventListener: page.addEventListener.bind(page) });

describe("what watches the platform", () => {
  it("is one timer for all channels, which keeps no process alive", () => {
    const setInterval = mock.method(globalThis, "setInterval");
    const stops = Array.from({ length: 50 }, () => watchPlatform({ wake: () => undefined, pause: () => undefined }));
    assert.equal(setInterval.mock.callCount(), 1);
    assert.equal(setInterval.mock.calls[0]?.result?.hasRef(), false);
    for (const stop of stops) stop();
    watchPlatform({ wake: () => undefined, pause: () => undefined })();
    assert.equal(setInterval.mock.callCount(), 1);
    setInterval.mock.restore();
  });

  it("tells every channel of what a page does, as long as it watches", () => {
    const told: string[] = [];
    const watch = (name: string): (() => void) =>
      watchPlatform({
        wake: () => told.push(`${name} wake`),
        pause: (isPaused) => told.push(`${name} ${isPaused ? "pause" : "resume"}`),
      });
    const stopOne = watch("one");
    const stopTwo = watch("two");
    page.dispatchEvent(new Event("online"));
    page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
    stopOne();
    page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }));
    stopTwo();
    page.dispatchEvent(new Event("online"));
    assert.deepEqual(told, ["one wake", "two wake", "one pause", "two pause", "two resume"]);
  });
});
