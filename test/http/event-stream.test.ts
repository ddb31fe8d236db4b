import assert from "node:assert/strict";
import { test } from "node:test";
import {
  encodeEvent,
  eventStreamComment,
  eventStreamHeaders,
  isChannelError,
  type ServerSentEvent,
} from "../../src/index.ts";
import { Random, seedFromEnvironment } from "../support/random.ts";
import { expectWire, parkOne, setStage } from "./stage.ts";

type ReadEvent = { type: string; data: string; lastEventId: string };

/** A reader of event streams, written after the WHATWG HTML standard (§9.2.6) and not after the encoder. */
function readEvents(text: string): { events: ReadEvent[]; retryMs: number | undefined } {
  const events: ReadEvent[] = [];
  let retryMs: number | undefined;
  let lastEventId = "";
  let data = "";
  let type = "";
  const lines = text.split(/\r\n|\n|\r/);
  assert.equal(lines.pop(), "", "the text must end with a line end");
  for (const line of lines) {
    if (line === "") {
      if (data !== "") events.push({ type: type === "" ? "message" : type, data: data.slice(0, -1), lastEventId });
      data = "";
      type = "";
      continue;
    }
    const [, field = "", value = ""] = /^([^:]*)(?::[ ]?([\s\S]*))?$/.exec(line) ?? [];
    if (field === "data") data += `${value}\n`;
    else if (field === "event") type = value;
    else if (field === "id" && !value.includes("\0")) lastEventId = value;
    else if (field === "retry" && /^\d+$/.test(value)) retryMs = Number(value);
  }
  return { events, retryMs };
}

const exact: [ServerSentEvent, string][] = [
  [{ data: "a" }, "data: a\n\n"],
  [{ data: "" }, "data: \n\n"],
  [{ data: "a\nb" }, "data: a\ndata: b\n\n"],
  [{ data: "a\r\nb" }, "data: a\ndata: b\n\n"],
  [{ data: "a\rb" }, "data: a\ndata: b\n\n"],
  [{ data: "a\n\rb" }, "data: a\ndata: \ndata: b\n\n"],
  [{ data: "\n" }, "data: \ndata: \n\n"],
  [{ data: "a\n" }, "data: a\ndata: \n\n"],
  [{ data: " a" }, "data:  a\n\n"],
  [{ data: "data: x\nid: 5\n\nevent: evil" }, "data: data: x\ndata: id: 5\ndata: \ndata: event: evil\n\n"],
  [{ data: "\u2028\u0085\v\f" }, "data: \u2028\u0085\v\f\n\n"],
  [{ data: "a", event: "e", id: "7", retryMs: 0 }, "event: e\nid: 7\nretry: 0\ndata: a\n\n"],
  [{ data: "a", id: "" }, "id: \ndata: a\n\n"],
];

for (const [event, text] of exact) {
  test(`${JSON.stringify(event)} is encoded line by line [C37]`, () => {
    assert.equal(encodeEvent(event), text);
  });
}

for (const name of ["event", "id"] as const) {
  for (const value of ["a\nb", "a\rb", "\r\n", "x\n\ndata: evil"]) {
    test(`${name} ${JSON.stringify(value)} throws, since a line break would end its line [C24]`, () => {
      assert.throws(
        () => encodeEvent({ data: "d", [name]: value }),
        (error) => isChannelError(error) && error.code === "INVALID_ARGUMENT",
      );
    });
  }
}

test("an id with NUL throws, since a reader would ignore it; a type with NUL is none of its business [C24]", () => {
  assert.throws(() => encodeEvent({ data: "d", id: "a\0" }));
  assert.equal(encodeEvent({ data: "d", event: "a\0" }), "event: a\0\ndata: d\n\n");
});

for (const retryMs of [-1, 0.5, Number.NaN, Infinity, 1e21, "5"]) {
  test(`a retry time of ${String(retryMs)} (${typeof retryMs}) throws [C24]`, () => {
    assert.throws(() => encodeEvent({ data: "d", retryMs: retryMs as number }));
  });
}

test("whatever the data, a reader gets it back with every line break as a line feed, and no second event [C38]", (t) => {
  const random = new Random(seedFromEnvironment());
  t.diagnostic(`CHANNELKIT_SEED=${random.seed}`);
  const parts = [
    "\n",
    "\r",
    "\r\n",
    "data:",
    "data: ",
    "event: x",
    "id: 1",
    ":",
    " ",
    "a",
    "é",
    "\u{1F600}",
    "\0",
    "retry: 1",
    "\uFEFF",
  ];
  for (let round = 0; round < 5000; round++) {
    const data = `x${Array.from({ length: random.int(0, 12) }, () => random.pick(parts)).join("")}`;
    const id = String(random.int(0, 99));
    const { events, retryMs } = readEvents(encodeEvent({ data, event: "type", id }));
    assert.deepEqual(events, [{ type: "type", data: data.replaceAll(/\r\n|\r/g, "\n"), lastEventId: id }]);
    assert.equal(retryMs, undefined);
  }
});

test("a comment is no event and changes none [C38]", () => {
  const text = eventStreamComment + encodeEvent({ data: "a" }) + eventStreamComment + encodeEvent({ data: "b" });
  assert.deepEqual(
    readEvents(text).events.map(({ data }) => data),
    ["a", "b"],
  );
});

test("the head of an event stream is on the wire before its first event, and each event is a chunk [C37, C38, P19, P52]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send({ headers: eventStreamHeaders }, { close: false });
  const lines = [
    "HTTP/1.1 200 OK",
    "Content-Type: text/event-stream; charset=utf-8",
    "Cache-Control: no-store, no-transform",
    "X-Accel-Buffering: no",
    "Date: <date>",
    "Transfer-Encoding: chunked",
  ];
  await expectWire(client, `${lines.join("\r\n")}\r\n\r\n`);
  channel.send(encodeEvent({ data: "a\nb", id: "1" }), { close: false });
  await expectWire(client, "17\r\nid: 1\ndata: a\ndata: b\n\n\r\n");
  channel.send(eventStreamComment, { close: false });
  await expectWire(client, "3\r\n:\n\n\r\n");
});

test("An event whose data, type or id is no text throws, and says how to send an object [C24]", () => {
  const wrong: unknown[] = ["text", {}, { data: { a: 1 } }, { data: "d", id: 5 }, { data: "d", event: null }];
  for (const event of wrong) {
    assert.throws(() => encodeEvent(event as ServerSentEvent), { name: "ChannelError", code: "INVALID_ARGUMENT" });
  }
});
