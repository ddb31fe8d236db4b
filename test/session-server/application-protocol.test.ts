import assert from "node:assert/strict";
import { afterEach, describe, it, type TestContext } from "node:test";
import { createSessions, type SessionChannel } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, credentialsOf, SessionRequester, SessionWebSocket } from "./session-client.ts";
import { attachedOf } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

type Set = { readonly port: number; readonly channels: SessionChannel[] };

async function set(t: TestContext, protocols: readonly string[]): Promise<Set> {
  const channels: SessionChannel[] = [];
  const sessions = createSessions();
  const { port } = await setServer(t, (request) =>
    sessions.accept(request, (channel) => void channels.push(channel), { protocols }),
  );
  return { port, channels };
}

describe("the subprotocol of a session", () => {
  it("is the first that the server speaks of those that are offered, over each transport and for good", async (t) => {
    const { port, channels } = await set(t, ["better", "good"]);
    const socket = await SessionWebSocket.open(port);
    const attached = await socket.attach(attachRecord(1, { protocols: ["other", "good", "better"] }));
    assert.deepEqual([attached.protocol, channels[0]?.protocol], ["better", "better"]);
    const again = await SessionWebSocket.open(port);
    const resumed = await again.attach(attachRecord(2, { ...credentialsOf(attached), protocols: ["good"] }));
    assert.deepEqual([resumed.resumed, resumed.protocol], [true, "better"]);
    const http = await SessionRequester.connect(port);
    const credentials = credentialsOf(resumed);
    const polled = await http.ask([attachRecord(3, { mode: "poll" })], { credentials });
    const { resumed: isResumed, protocol } = attachedOf(polled.records);
    assert.deepEqual([isResumed, protocol], [true, "better"]);
    const other = await http.ask([attachRecord(1, { mode: "poll", protocols: ["good"] })]);
    assert.deepEqual([attachedOf(other.records).protocol, channels[1]?.protocol], ["good", "good"]);
  });

  it("is none where none fits", async (t) => {
    const { port, channels } = await set(t, ["good"]);
    const socket = await SessionWebSocket.open(port);
    assert.equal((await socket.attach(attachRecord(1, { protocols: ["other"] }))).protocol, undefined);
    const silent = await SessionWebSocket.open(port);
    assert.equal((await silent.attach(attachRecord(1))).protocol, undefined);
    assert.deepEqual(
      channels.map(({ protocol }) => protocol),
      ["", ""],
    );
  });

  it("must be a token in the options of the server", async (t) => {
    const sessions = createSessions();
    const thrown: unknown[] = [];
    const { port } = await setServer(t, (request) => {
      for (const protocols of [["a b"], ["a", "a"], "chat", [1]] as (readonly string[])[]) {
        try {
          void sessions.accept(request, () => undefined, { protocols });
        } catch (error) {
          thrown.push((error as { code: string }).code);
        }
      }
      return new Response("checked");
    });
    assert.equal(await (await fetch(`http://127.0.0.1:${port}`)).text(), "checked");
    assert.deepEqual(
      thrown,
      Array.from({ length: 4 }, () => "INVALID_ARGUMENT"),
    );
  });
});
