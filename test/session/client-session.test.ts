import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeControl } from "../../src/protocol/control-codec.ts";
import type { ControlRecord } from "../../src/protocol/control-record.ts";
import { ScriptedClient } from "./script.ts";

/** Without the fields that are left out. */
const asSent = (record: ControlRecord): unknown => JSON.parse(encodeControl(record));

describe("a client", () => {
  it("numbers its attaches, and has one key until an answer is adopted", () => {
    const client = new ScriptedClient();
    const first = client.attach();
    const second = client.attach();
    assert.deepEqual(asSent(first.transport.last("attach")), {
      type: "attach",
      attach: 1,
      received: 0,
      key: "key-of-the-client-1",
    });
    assert.equal(second.transport.last("attach").key, "key-of-the-client-1");
    client.answer(second);
    second.attachment.lost();
    const third = asSent(client.attach().transport.last("attach"));
    assert.deepEqual(third, {
      type: "attach",
      attach: 3,
      received: 0,
      key: "key-of-the-client-2",
      session: "session-number-1",
      secret: "secret-number-1",
    });
  });

  it("attaches again over a transport whose answer is late, and gives up the others", () => {
    const client = new ScriptedClient();
    const late = client.attach();
    const mute = client.attach();
    client.answer(late);
    assert.deepEqual(client.told, []);
    assert.equal(late.transport.last("attach").attach, 3);
    assert.deepEqual(mute.transport.detached, [4001]);
    late.attachment.receive("not counted yet");
    client.answer(late, { secret: "secret-number-2" });
    assert.equal(client.session.answer?.secret, "secret-number-2");
    late.attachment.receive("counted");
    assert.deepEqual(client.messages, ["counted"]);
  });

  it("keeps a transport over which it attaches again when that is told that another one had carried the session", () => {
    const client = new ScriptedClient();
    const late = client.attach();
    client.attach();
    client.answer(late);
    late.attachment.receive({ type: "detach", code: 4001, reason: "superseded" });
    assert.deepEqual(late.transport.detached, []);
    client.answer(late);
    assert.equal(client.told.length, 1);
    late.attachment.receive({ type: "detach", code: 4001, reason: "superseded" });
    assert.deepEqual(late.transport.detached, [4001]);
  });

  it("takes from the old transport until the new one has answered, and nothing twice", () => {
    const client = new ScriptedClient();
    const old = client.attach();
    client.answer(old);
    old.attachment.receive("1");
    const present = client.attach();
    old.attachment.receive("2");
    assert.equal(present.transport.last("attach").received, 1);
    client.answer(present, { resumed: true, first: 2 });
    assert.deepEqual(old.transport.detached, [4001]);
    old.attachment.receive("3");
    for (const each of ["2", "3"]) present.attachment.receive(each);
    assert.deepEqual(client.messages, ["1", "2", "3"]);
  });

  it("is told why a session is not resumed before any message, and how many messages are uncertain", () => {
    const client = new ScriptedClient();
    const first = client.attach();
    client.answer(first);
    for (const each of ["acknowledged", "uncertain", "never written"]) client.send(each);
    first.attachment.next();
    first.attachment.next();
    first.attachment.receive({ type: "ack", received: 1 });
    first.attachment.lost();
    const second = client.attach();
    client.answer(second, { reason: "expired", session: "session-number-2" });
    assert.equal(client.told.length, 2);
    assert.equal(client.told[1]?.resumed, false);
    assert.equal(client.told[1]?.reason, "expired");
    assert.equal(client.told[1]?.uncertain, 1);
    assert.deepEqual([second.attachment.next(), second.attachment.next()], ["never written", undefined]);
  });

  it("asks for another session when the counts of the server do not fit, and once", () => {
    const misfits = [{ received: 0 }, { received: 3 }, { received: 2, first: 3 }];
    for (const misfit of misfits) {
      const client = new ScriptedClient();
      const first = client.attach();
      client.answer(first);
      for (const each of ["1", "2"]) client.send(each);
      first.attachment.next();
      first.attachment.next();
      first.attachment.receive({ type: "ack", received: 1 });
      first.attachment.receive("1");
      const second = client.attach();
      client.answer(second, { resumed: true, first: 2, ...misfit });
      assert.equal(second.transport.last("attach").gap, true);
      assert.equal(second.transport.last("attach").attach, 3);
      client.answer(second, { resumed: false, reason: "gap" });
      assert.equal(client.told.at(-1)?.reason, "gap");
      assert.deepEqual(client.ends, []);
    }
  });

  it("gives up a server that resumes what it was told to end", () => {
    const client = new ScriptedClient();
    const first = client.attach();
    client.answer(first, { received: 5 });
    client.answer(first, { received: 5 });
    assert.equal(client.ends[0]?.code, 4500);
    assert.deepEqual(first.transport.detached, [4500]);
  });

  it("closes behind what it sent, opens no session for it, and is done when that is gone", () => {
    const client = new ScriptedClient();
    const first = client.attach();
    client.answer(first);
    client.send("last");
    client.session.close(1000, "bye");
    assert.equal(client.ends.length, 1);
    first.attachment.lost();
    const second = client.attach();
    assert.equal(second.transport.last("attach").key, undefined);
    second.attachment.receive({ type: "detach", code: 4005, reason: "" });
    assert.equal(client.releases.length, 1);
    assert.equal(client.ends.length, 1);
  });

  it("tells with its release whether the server has its end, and whether that came with one of the server", () => {
    const outcomes = [
      { record: { type: "ack", received: 1 }, release: [1000, "client-close"] },
      { record: { type: "close", code: 4000, reason: "" }, release: [1000, "server-close"] },
      { record: { type: "detach", code: 4005, reason: "" }, release: [4005, "client-close"] },
      { record: undefined, release: [1006, "client-close"] },
    ] as const;
    for (const { record, release } of outcomes) {
      const client = new ScriptedClient();
      const { attachment, transport } = client.attach();
      client.answer({ attachment, transport });
      client.session.close(1000, "bye");
      attachment.next();
      if (record === undefined) client.clock.advance(120_000);
      else attachment.receive(record);
      assert.deepEqual(client.releases, [release]);
      assert.equal(client.ends.length, 1);
    }
  });

  it("comes back with another key when the server invites it, and not if it has none: that session is the only one", () => {
    for (const keys of [undefined, ["the-only-key-there-is"]]) {
      const client = new ScriptedClient(keys && (() => keys.pop()));
      const first = client.attach();
      client.answer(first);
      first.attachment.lost();
      const second = client.attach();
      assert.equal(second.transport.last("attach").key, keys ? undefined : "key-of-the-client-2");
      client.answer(second, { resumed: true });
      second.attachment.receive({ type: "close", code: 4000, reason: "elsewhere" });
      assert.equal(client.session.isOpen, keys === undefined);
      const ends = keys ? [{ status: "server-close", code: 4000, reason: "elsewhere" }] : [];
      assert.deepEqual(client.ends, ends);
    }
  });

  it("offers the subprotocols of the application", () => {
    const client = new ScriptedClient(undefined, ["chat"]);
    assert.deepEqual(client.attach().transport.last("attach").protocols, ["chat"]);
  });

  it("pings five seconds after the server would have, and misses it no later than the server misses a client", () => {
    const client = new ScriptedClient();
    const first = client.attach();
    client.answer(first);
    client.clock.advance(29_999);
    assert.equal(first.transport.count("ping"), 0);
    client.clock.advance(1);
    assert.equal(first.transport.count("ping"), 1);
    client.clock.advance(4999);
    assert.deepEqual(first.transport.detached, []);
    client.clock.advance(1);
    assert.deepEqual(first.transport.detached, [4002]);
  });

  it("does not ping where pings are off", () => {
    const client = new ScriptedClient();
    const first = client.attach();
    client.answer(first, { pingIntervalMs: 0 });
    client.clock.advance(3_600_000);
    assert.equal(first.transport.count("ping"), 0);
  });

  it("hands on when the server wants it elsewhere, and lets go where it is told to", () => {
    const client = new ScriptedClient();
    const first = client.attach();
    client.answer(first);
    first.attachment.receive({ type: "goaway", afterMs: 300 });
    assert.deepEqual(client.goaways, [300]);
    first.attachment.receive({ type: "detach", code: 4000, reason: "" });
    assert.deepEqual(first.transport.detached, [4000]);
    assert.equal(client.session.carrier, undefined);
  });

  it("goes nowhere for a server that it has left", () => {
    const client = new ScriptedClient();
    const first = client.attach();
    client.answer(first);
    client.answer(client.attach());
    first.attachment.receive({ type: "goaway", afterMs: 300 });
    assert.deepEqual(client.goaways, []);
  });

  it("keeps a bounded amount while it is not connected", () => {
    const client = new ScriptedClient();
    for (let count = 0; count < 1000; count += 1) assert.ok(client.send("x"));
    assert.equal(client.send("x"), false);
    assert.ok(client.session.isOpen);
  });
});
