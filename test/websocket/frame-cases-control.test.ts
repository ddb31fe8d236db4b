import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { text } from "../support/frames.ts";
import { startEchoServer } from "./echo-server.ts";
import { fewAtATime } from "./few-at-a-time.ts";
import { checkCase, type EchoServer, type FrameCase } from "./frame-case.ts";
import { sections } from "./frame-cases/index.ts";
import { startSloppyEcho } from "./sloppy-echo.ts";

/** Faults that a peer must be told of: what a server that checks nothing gets wrong. */
const faultCodes: ReadonlySet<number | undefined> = new Set([1002, 1007, 1008, 1009]);

describe("the frame cases", () => {
  it("are several hundred, each with a name of its own", () => {
    const names = sections.flatMap(({ title, cases }) => cases.map(({ name }) => `${title}: ${name}`));
    assert.ok(names.length >= 300, `${names.length} cases`);
    assert.deepEqual(
      names.filter((name, index) => names.indexOf(name) !== index),
      [],
    );
  });

  it("tell a server that checks nothing from a good one: by each case with a fault, and by no other", async () => {
    const sloppy = await startSloppyEcho();
    try {
      for (const { title, cases } of sections) {
        const outcomes = await fewAtATime(cases, (each) => passes(sloppy, each, mustFail(each) ? 200 : 10_000), 32);
        const wrong = cases.filter((each, index) => outcomes[index] === mustFail(each)).map(({ name }) => name);
        assert.deepEqual(wrong, [], title);
      }
    } finally {
      sloppy.stop();
    }
  });
});

describe("a frame case fails", () => {
  let server: Awaited<ReturnType<typeof startEchoServer>>;
  before(async () => {
    server = await startEchoServer();
  });
  after(() => server.stop({ timeoutMs: 0 }));

  const right: FrameCase = { name: "", rule: "", send: [text("a")], messages: ["a"] };
  const rightFault: FrameCase = { name: "", rule: "", send: [text("a", { rsv: 1 })], close: { code: 1002 } };
  const wrong: readonly (readonly [string, FrameCase])[] = [
    ["another message comes back", { ...right, messages: ["b"] }],
    ["text comes back for bytes", { ...right, messages: [Buffer.from("a")] }],
    ["a message comes back that was not expected", { ...right, messages: [] }],
    ["a message is missing", { ...right, messages: ["a", "a"] }],
    ["the handler saw another message", { ...right, messages: ["b"], answers: [text("a", { mask: false })] }],
    ["the connection closes, but should not", { ...rightFault, close: undefined } as unknown as FrameCase],
    ["the connection does not close, but should", { ...right, close: { code: 1002 } }],
    ["the code of the Close is another", { ...rightFault, close: { code: 1007 } }],
    ["the reason of the Close is another", { ...rightFault, close: { code: 1002, reason: "why" } }],
  ];

  it("not when all is right", async () => {
    await checkCase(server, right);
    await checkCase(server, rightFault);
  });

  for (const [what, each] of wrong) {
    it(`when ${what}`, async () => {
      assert.equal(await passes(server, each), false);
    });
  }

  it("when the close handler gets another status", async () => {
    const lying: EchoServer = {
      port: server.port,
      observe: async (path) => ({ ...(await server.observe(path)), status: "unknown" }),
    };
    assert.equal(await passes(lying, right), false);
  });
});

/** A Close of the client that is answered with the same (C118) needs no check, whatever its code. */
function mustFail({ close, rule }: FrameCase): boolean {
  return faultCodes.has(close?.code) && rule !== "C118";
}

async function passes(server: EchoServer, each: FrameCase, timeoutMs = 500): Promise<boolean> {
  try {
    await checkCase(server, each, { timeoutMs });
    return true;
  } catch {
    return false;
  }
}
