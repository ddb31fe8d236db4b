import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { ConnectOptions } from "../../src/client.ts";
import { createSessions, withChannel } from "../../src/index.ts";
import { root } from "../architecture/source.ts";
import { dial } from "../client/site.ts";
import { setServer } from "../server/set-server.ts";

type User = { readonly id: number; readonly endMs: number };

const page = readFileSync(join(root, "docs", "client.md"), "utf8");
const documented = [...page.matchAll(/^\| `(\d{4}[^`]*)` \| /gm)].map(([, cause]) => cause);

const sessions = createSessions<User>({
  authorize(request) {
    if (request.headers.get("authorization") === "Bearer fails") throw new Error("the database is down");
    return { id: 1, endMs: Date.now() - 1000 };
  },
  expiresAtMs: ({ endMs }) => endMs,
});

const fails = (): never => {
  throw new Error("no token");
};
const noRecord = " ChannelError: record must be as in PROTOCOL.md, but it is <!doctype ht";
const statuses: Readonly<Record<string, number>> = { "/gate": 401, "/page": 200, "/broken": 500 };
const cases: readonly {
  readonly cause: string;
  readonly rest?: string;
  readonly path?: string;
  readonly listens?: boolean;
  readonly options?: ConnectOptions;
}[] = [
  { cause: "1006 status 404", path: "/wrong", rest: noRecord },
  { cause: "1006 status 200", path: "/page", rest: noRecord },
  { cause: "1006 status 401", path: "/gate" },
  { cause: "1006 status 403", options: { headers: { Origin: "http://foreign.example" } } },
  { cause: "1006 status 5xx", path: "/broken" },
  { cause: "1006 TypeError", listens: false },
  { cause: "1006 Error", options: { token: fails } },
  { cause: "4006", options: { token: () => "fails" } },
  { cause: "4007", path: "/plain", options: { attachTimeoutMs: 500 } },
  { cause: "4010", options: { token: () => "old" } },
];

/** With a stream alone, so that there is one cause. */
describe("docs/client.md says why nothing connects:", () => {
  for (const { cause, rest = "", path = "/live", listens = true, options } of cases) {
    it(cause, async (t) => {
      assert.ok(documented.includes(cause), documented.join());
      const { server, port } = await setServer(t, (request) => {
        const { pathname } = new URL(request.url);
        if (pathname === "/live") return sessions.accept(request, () => undefined);
        if (pathname === "/plain") return withChannel(request, () => undefined);
        return new Response("<!doctype html>", { status: statuses[pathname] ?? 404 });
      });
      if (!listens) await server.stop();
      const { log } = dial(t, `http://127.0.0.1:${port}${path}`, { transports: ["http-streaming"], ...options });
      const { args } = await log.waitFor("waiting");
      const status = args[0] as { cause: string };
      assert.ok(status.cause.startsWith(cause.replace("5xx", "500") + rest), status.cause);
    });
  }

  it("all of it, and nothing else", () => {
    assert.deepEqual(
      documented,
      cases.map(({ cause }) => cause),
    );
  });
});
