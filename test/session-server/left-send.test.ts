import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { createSessions } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { deferred, eventually } from "../support/expect.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { collectGarbage } from "../support/resources.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, credentialsOf, post, SessionRequester } from "./session-client.ts";
import { attachedOf } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

test("a send that waits for a slow handler is forgotten as soon as its client has left", async (t) => {
  const gate = deferred();
  const begun = deferred();
  const sends: WeakRef<Request>[] = [];
  const sessions = createSessions();
  const { port } = await setServer(
    t,
    (request) => {
      if (request.url.endsWith("/left")) sends.push(new WeakRef(request));
      return sessions.accept(request, (channel) =>
        channel.onReceive(() => {
          begun.resolve();
          return gate.promise;
        }),
      );
    },
    { limits: { maxQueuedMessages: 1 } },
  );
  const http = await SessionRequester.connect(port);
  const credentials = credentialsOf(attachedOf((await http.ask([attachRecord(1, { mode: "poll" })])).records));
  const send = { type: "send", attach: 1, first: 1, received: 0 } as const;
  http.client.write(post([send, "one that is handled", "one that waits"], { credentials }));
  await begun.promise;
  const again = String(post([{ ...send, first: 3 }], { credentials })).replace("POST /", "POST /left");
  for (let count = 1; count <= 3; count += 1) {
    const left = await SessionRequester.connect(port);
    left.client.write(again);
    await eventually(() => assert.equal(sends.length, count));
    left.client.reset();
  }
  await eventually(async () => {
    await collectGarbage();
    assert.deepEqual(
      sends.map((request) => request.deref()?.url),
      [undefined, undefined, undefined],
    );
  });
  gate.resolve();
  assert.deepEqual((await http.answer()).records, [{ type: "ack", received: 2 }]);
});
