import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";
import { connect } from "../../src/client.ts";
import { createSessions, type ChannelKind } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";

guardAgainstUnhandled();

const kinds: readonly ChannelKind[] = ["websocket", "http-streaming", "long-polling"];

/** How long each token holds. A fifth of it is left when it is to be renewed. */
const lifeMs = 5000;

type User = { readonly id: string; readonly endMs: number };

describe("a client whose token ends", { concurrency: kinds.length }, () => {
  for (const kind of kinds) {
    it(`has another one before, over ${kind}, and neither application sees a gap`, async (t) => {
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
      await log.waitFor("open", { count: 2, timeoutMs: lifeMs });
      // What would come at the end of the first one is absent.
      await delay((ends.get("Bearer 1") ?? 0) + 500 - Date.now());
      clearInterval(timer);
      await log.waitFor("receive", { count });
      assert.deepEqual(
        log.of("receive").map(({ args }) => args[0]),
        Array.from({ length: count }, (_, index) => `${index + 1}`),
      );
      assert.deepEqual([...log.of("waiting"), ...log.of("presence")], [], JSON.stringify(client.explain()));
      assert.deepEqual([sessions.size, tokens.size], [1, 2]);
    });
  }
});
