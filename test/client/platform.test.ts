import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import { type Watcher, watchers, watchPlatform } from "../../src/client/platform.ts";

/** Node has none of these: the page of the test. They have to be there before the first channel. */
const page = new EventTarget();
Object.assign(globalThis, { addEventListener: page.addEventListener.bind(page) });

describe("what watches the platform", () => {
  it("is one timer for all channels, which keeps no process alive", () => {
    const setInterval = mock.method(globalThis, "setInterval");
    const fifty = Array.from({ length: 50 }, () => ({ wake: () => undefined }));
    for (const watcher of fifty) watchPlatform(watcher);
    assert.equal(setInterval.mock.callCount(), 1);
    assert.equal(setInterval.mock.calls[0]?.result?.hasRef(), false);
    for (const watcher of fifty) watchers.delete(watcher);
    const [again] = fifty;
    assert.ok(again);
    watchPlatform(again);
    watchers.delete(again);
    assert.equal(setInterval.mock.callCount(), 1);
    setInterval.mock.restore();
  });

  it("tells every channel of what a page does, as long as it watches", () => {
    const told: string[] = [];
    const watcher = (name: string): Watcher => ({
      wake: (isKept) => told.push(`${name} ${isKept ? "is kept" : "wakes"}`),
    });
    const one = watcher("one");
    const two = watcher("two");
    watchPlatform(one);
    watchPlatform(two);
    page.dispatchEvent(new Event("online"));
    page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
    watchers.delete(one);
    page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }));
    watchers.delete(two);
    page.dispatchEvent(new Event("online"));
    assert.deepEqual(told, ["one wakes", "two wakes", "one is kept", "two is kept", "two wakes"]);
  });
});
