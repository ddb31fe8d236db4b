import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Client, createClient, GRAPHQL_TRANSPORT_WS_PROTOCOL } from "graphql-ws";
import { deferred } from "../support/expect.ts";
import { serveGraphql } from "./graphql-server.ts";
import { type Network, networks, setSite, type Site } from "./site.ts";

const set = (t: Parameters<typeof setSite>[0], network: Omit<Network, "kind">): Promise<Site> =>
  setSite(t, serveGraphql, { ...network, protocols: [GRAPHQL_TRANSPORT_WS_PROTOCOL] });

describe("graphql-ws over a session", () => {
  for (const { kind, ...network } of networks) {
    it(`queries and subscribes over ${kind}`, async (t) => {
      const site = await set(t, network);
      const client = createClient({ url: site.url, webSocketImpl: site.WebSocket, retryAttempts: 0 });
      t.after(() => client.dispose());
      assert.deepEqual(await resultsOf(client, "{ hello }"), [{ data: { hello: "world" } }]);
      assert.deepEqual(
        await resultsOf(client, "subscription { countTo(limit: 3) }"),
        [1, 2, 3].map((countTo) => ({ data: { countTo } })),
      );
      assert.ok(
        site.kinds().every((each) => each === kind),
        site.kinds().join(),
      );
    });

    it(`learns by the code why the server closed over ${kind}, and does not come back`, async (t) => {
      const site = await set(t, network);
      const url = site.url;
      const connectionParams = { name: "nobody" };
      const client = createClient({ url, webSocketImpl: site.WebSocket, retryAttempts: 0, connectionParams });
      t.after(() => client.dispose());
      const refused = (error: unknown): boolean => {
        const { code, reason, wasClean } = error as { code: number; reason: string; wasClean: boolean };
        assert.deepEqual([code, reason, wasClean], [4403, "Forbidden", true]);
        return true;
      };
      await assert.rejects(resultsOf(client, "{ hello }"), refused);
    });
  }
});

async function resultsOf(client: Client, query: string): Promise<unknown[]> {
  const results: unknown[] = [];
  const done = deferred();
  client.subscribe(
    { query },
    { next: (result) => results.push(result), error: done.reject, complete: () => done.resolve() },
  );
  await done.promise;
  return results;
}
