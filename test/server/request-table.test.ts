import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { get, setStage, type Stage } from "../http/stage.ts";
import { acceptValue, sampleKey } from "../support/handshake.ts";
import type { RawClient } from "../support/raw-client.ts";
import { requestCases, webSocket } from "./request-cases.ts";

const behind = get("/now/behind");

/** Answers with the body of the request; what else it saw is in `stage.paths()`. */
function setEcho(t: TestContext): Promise<Stage> {
  return setStage(t, async (request) => {
    assert.equal(request.headers.get("x-late"), null);
    return new Response(request.body === null ? "" : await request.text());
  });
}

async function expectRefusal(client: RawClient, status: number, input: string): Promise<void> {
  const response = await client.readResponse();
  assert.equal(response.status, status, response.statusLine);
  assert.equal(response.header("connection"), "close");
  assert.match(response.header("content-type") ?? "", /^text\/plain/);
  assert.match(
    response.text,
    /^[A-Z][A-Za-z ()-]+\n$/,
    `the text is constant, whatever was sent: ${input.slice(0, 80)}`,
  );
  assert.equal(await client.expectEnd(), "fin");
}

describe("requests that two parties could read differently", { concurrency: 4 }, () => {
  for (const { row, what, bytes, outcome } of requestCases) {
    if ("refused" in outcome) {
      it(`${what} is refused with ${outcome.refused}, and nothing behind it is read [${row}, C148, C149, P49]`, async (t) => {
        const stage = await setEcho(t);
        const client = await stage.connect();
        client.write(bytes + behind);
        await expectRefusal(client, outcome.refused, bytes);
        assert.deepEqual(stage.paths(), []);
        assert.deepEqual(
          stage.errors.map(({ code }) => code),
          ["PEER_FAULT"],
        );
      });
    } else {
      it(`${what} is served, and the request behind it, too [${row}]`, async (t) => {
        const stage = await setEcho(t);
        const client = await stage.connect();
        client.write(bytes + (outcome.closes === true ? "" : behind));
        const response = await client.readResponse();
        assert.equal(response.status, 200, response.statusLine);
        assert.equal(response.text, outcome.served);
        if (outcome.closes === true) assert.equal(await client.expectEnd(), "fin");
        else assert.equal((await client.readResponse()).text, "behind");
        assert.deepEqual(stage.errors, []);
      });
    }
  }

  it("a chunk of fffffffff bytes is refused with 413 once its data are over the limit: node:http does not tell its size before [S9]", async (t) => {
    const stage = await setStage(t, undefined, { limits: { maxBodyBytes: 100 } });
    const client = await stage.connect();
    client.write(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n${"x".repeat(100)}`);
    await client.expectNothing(100);
    client.write("y");
    assert.equal((await client.readResponse()).status, 413);
    await client.waitForEnd();
    assert.deepEqual(stage.paths(), []);
  });

  for (const [what, bytes] of [
    ["two spaces in the request line", "GET  /now/a HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["line ends before the request line", "\r\n\r\nGET /now/a HTTP/1.1\r\nHost: a\r\n\r\n"],
  ] as const) {
    it(`${what}: served, because node:http hides them and there is only one way to read them [S18]`, async (t) => {
      const stage = await setStage(t);
      const client = await stage.connect();
      client.write(bytes + behind);
      assert.equal((await client.readResponse()).text, "a");
      assert.equal((await client.readResponse()).text, "behind");
    });
  }

  it("CONNECT is cut without an answer, because node:http takes it out of the requests; no handler sees it [S25]", async (t) => {
    const stage = await setStage(t);
    const client = await stage.connect();
    client.write(`CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n${behind}`);
    await client.expectEnd();
    assert.deepEqual(stage.paths(), []);
  });

  it("a good request is answered before the bad one behind it is refused [S32]", async (t) => {
    const stage = await setStage(t);
    const client = await stage.connect();
    client.write(`${get("/now/good")}GET / HTTP/1.1\r\nHost : a\r\n\r\n`);
    assert.equal((await client.readResponse()).text, "good");
    await expectRefusal(client, 400, "");
    assert.deepEqual(stage.paths(), ["/now/good"]);
  });

  it("a WebSocket in a list of upgrades is accepted [S35]", async (t) => {
    const stage = await setStage(t);
    const client = await stage.connect();
    client.write(webSocket("1.1", "foo, websocket", "keep-alive, Upgrade"));
    const head = await client.readHead();
    assert.equal(head.status, 101);
    assert.equal(head.header("sec-websocket-accept"), acceptValue(sampleKey));
  });
});
