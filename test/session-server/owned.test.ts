import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { isChannelError } from "../../src/index.ts";
import { OwnedChannels } from "../../src/session-server/owned-channels.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, SessionWebSocket } from "./session-client.ts";
import { setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

describe("the sessions of a user", () => {
  it("are told by who it is, wherever their clients are, until they end", async (t) => {
    const { port, channels, sessions, log } = await setSessions<{ readonly id: string }>(t, {
      authorize: ({ headers }) => ({ id: headers.get("authorization")?.replace("Bearer ", "") ?? "" }),
    });
    const open = async (token: string): Promise<SessionWebSocket> => {
      const socket = await SessionWebSocket.open(port);
      await socket.attach(attachRecord(1, { token }));
      return socket;
    };
    const [first, , other] = [await open("ada"), await open("ada"), await open("eve")];
    assert.deepEqual(sessions.of("ada"), [channels[0], channels[1]]);
    assert.deepEqual(sessions.of("eve"), [channels[2]]);
    assert.deepEqual(sessions.of("nobody"), []);
    for (const channel of sessions.of("eve")) channel.send(`to ${channel.attachment.id}`);
    assert.equal(await other.next(), "to eve");
    // Away, and still there.
    other.control({ type: "detach", code: 1000, reason: "" });
    await other.socket.expectClose(1000);
    assert.deepEqual(sessions.of("eve"), [channels[2]]);
    first.control({ type: "close", code: 1000, reason: "" });
    await log.waitFor("close");
    assert.deepEqual(sessions.of("ada"), [channels[1]]);
    for (const channel of sessions.of("ada")) channel.close();
    assert.deepEqual(sessions.of("ada"), []);
  });

  it("are none where nobody is known", async (t) => {
    const { port, sessions } = await setSessions(t);
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1));
    assert.equal(sessions.size, 1);
    for (const owner of ["", undefined, true] as string[]) {
      const ask = (): unknown => sessions.of(owner);
      assert.throws(ask, (error) => isChannelError(error) && error.code === "INVALID_ARGUMENT");
    }
    assert.deepEqual(sessions.of("undefined"), []);
  });

  it("leave nothing behind when they are over", () => {
    const owned = new OwnedChannels<object>();
    const channels = [{}, {}, {}];
    for (const channel of channels) owned.add("ada", channel);
    owned.add("", {});
    assert.deepEqual(owned.of("ada"), channels);
    for (const channel of [{}, ...channels]) owned.delete("ada", channel);
    assert.deepEqual(owned.of("ada"), []);
  });
});
