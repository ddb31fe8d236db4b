import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { dial, received, setSite } from "../client/site.ts";
import { within } from "../support/expect.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";

guardAgainstUnhandled();

/** Node has none of these: the page of the test. They have to be there before the first channel. */
const page = new EventTarget();
Object.assign(globalThis, { addEventListener: page.addEventListener.bind(page) });

describe("B16 a page that the browser keeps for later", () => {
  for (const kind of ["websocket", "http-streaming", "long-polling"] as const) {
    it(`B16 lets go of ${kind} when it is hidden, and resumes its session when it is shown again`, async (t) => {
      const { proxy, sessions } = await setSite(t, {
        limits: { pollReturnMs: 200, pingIntervalMs: 300, pongTimeoutMs: 300 },
      });
      const client = dial(t, proxy.url, { transports: [kind] });
      await client.log.waitFor("open");
      const left = new Promise<void>((resolve) =>
        [...sessions][0]?.onPresence((isPresent) => void (isPresent || resolve())),
      );
      page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
      // A page with an open connection is not kept, or has it closed with 1006 when it is shown.
      if (kind !== "long-polling") await within(2000, left, "the end of what carried it");
      [...sessions][0]?.send("meanwhile");
      page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
      const { args } = await client.log.waitFor("open", { count: 2 });
      assert.equal((args[0] as { resumed: boolean }).resumed, true);
      await client.log.waitFor("receive");
      assert.deepEqual(received(client), ["meanwhile"]);
      assert.equal(sessions.size, 1);
    });
  }
});
