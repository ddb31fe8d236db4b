import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WebSocket } from "ws";
import { connect } from "../../src/client.ts";
import { createSessions, type ChannelKind } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { stopWall } from "../support/wall.ts";

guardAgainstUnhandled();

const kinds: readonly ChannelKind[] = ["websocket", "http-streaming", "long-polling"];

/** How long each token holds. A fifth of it is left when it is to be renewed. */
const lifeMs = 1000;
/** By then it is to be renewed, and does not end yet. */
const renewalMs = 900;
const renewals = 3;

type User = { readonly id: string; readonly endMs: number };

describe("a client whose token ends", () => {
  for (const kind of kinds) {
    it(`has another one before, over ${kind}, and neither application sees a gap`, async (t) => {
      const setWall = stopWall(t);
      const log = new Recorder();
      const ends = new Map<string | null, number>();
      const sessions = createSessions<User>({
        authorize: ({ headers }) => {
          const token = headers.get("authorization");
          const endMs = ends.get(token) ?? Date.now() + lifeMs;
          ends.set(token, endMs);
          return { id: "ada", endMs };
        },
        expiresAtMs: ({ endMs }) => endMs,
      });
      const { server } = await setServer(t, (request) =>
        sessions.accept(request, (channel) => {
          channel.onPresence((isPresent) => log.record("presence", isPresent));
          channel.onReceive((message) => channel.send(message));
        }),
      );
      const tokens = new Set<string>();
      const client = connect(server.url, {
        WebSocket,
        transports: [kind],
        resumeWindowMs: 500,
        token: () => {
          const token = `${tokens.size + 1}`;
          tokens.add(token);
          return token;
        },
      });
      t.after(() => client.close());
      client.onStatus((status) => log.record(status.state, status));
      client.onReceive((message) => log.record("receive", message));
      await log.waitFor("open");
      let count = 0;
      const timer = setInterval(() => client.send(`${(count += 1)}`), 20);
      t.after(() => clearInterval(timer));
      // What would come at the ends of the first ones comes before the last one is renewed.
      for (let renewed = 1; renewed <= renewals; renewed += 1) {
        setWall(renewed * renewalMs);
        await log.waitFor("open", { count: 1 + renewed, timeoutMs: 10_000 });
      }
      clearInterval(timer);
      await log.waitFor("receive", { count });
      assert.deepEqual(
        log.of("receive").map(({ args }) => args[0]),
        Array.from({ length: count }, (_, index) => `${index + 1}`),
      );
      assert.deepEqual([...log.of("waiting"), ...log.of("presence")], [], JSON.stringify(client.explain()));
      assert.deepEqual([sessions.size, tokens.size], [1, 1 + renewals]);
    });
  }
});
