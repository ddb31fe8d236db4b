import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { type Demo, Member, startDemo, stopDemo } from "./demo.ts";

describe("the demonstration, given what it does not take,", () => {
  let demo: Demo;

  before(async () => {
    demo = await startDemo();
  });

  /** That nothing was reported on the way is checked here, too: the program must have said nothing. */
  after(async () => {
    destroyOpenClients();
    await stopDemo(demo);
  });

  /** The status and the error of an answer, which must be JSON. */
  async function refusal(response: Response): Promise<string> {
    assert.match(response.headers.get("content-type") ?? "", /^application\/json/);
    const { error } = (await response.json()) as { error: string };
    return `${response.status} ${error}`;
  }

  const badName = /^400 name must be 1 to 24 letters, digits, spaces, dots, hyphens or underscores$/;
  const badQueries: [query: string, expected: RegExp][] = [
    ["", badName],
    ["name=", badName],
    ["name=%20Ada", badName],
    ["name=a%00b", badName],
    ["name=a%0Ab", badName],
    ["name=%3Cb%3E", badName],
    ["name=%FF", badName],
    [`name=${"a".repeat(25)}`, badName],
  ];
  for (const [query, expected] of badQueries) {
    test(`refuses /live?${query.length > 40 ? `${query.slice(0, 40)}…` : query} with what is wrong`, async () => {
      assert.match(await refusal(await fetch(`${demo.url}/live?${query}`, { method: "POST" })), expected);
    });
  }

  test("refuses an upgrade in the same words", async () => {
    for (const path of ["/live?name=%3Cb%3E", "/live", "/nowhere"]) {
      const client = await connectRaw(demo.port);
      client.write(handshakeRequest({ path, host: `127.0.0.1:${demo.port}` }));
      const response = await client.readResponse();
      assert.equal(response.status, path === "/nowhere" ? 404 : 400, path);
      assert.ok("error" in (JSON.parse(response.text) as object), path);
    }
  });

  test("refuses what is no session, and other methods than GET for its files", async () => {
    assert.equal((await fetch(`${demo.url}/live?name=Ada`)).status, 405);
    assert.equal((await fetch(`${demo.url}/live?name=Ada`, { method: "POST", body: "x" })).status, 403);
    const response = await fetch(`${demo.url}/main.js`, { method: "POST" });
    assert.equal(await refusal(response), "405 /main.js takes GET only");
    assert.equal(response.headers.get("allow"), "GET");
  });

  test("serves the files of the page and none beside them", async () => {
    const client = await connectRaw(demo.port);
    const paths = [
      "/nothing",
      "/../server.js",
      "/..%2fserver.js",
      "/%2e%2e/server.js",
      "//etc/passwd",
      "/live/",
      "/client.js",
    ];
    for (const path of paths) {
      client.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${demo.port}\r\n\r\n`);
      const response = await client.readResponse();
      assert.equal(response.status, 404, path);
    }
    const types = {
      "/": "text/html",
      "/style.css": "text/css",
      "/main.js": "text/javascript",
      "/client.min.js": "text/javascript",
      "/icon.svg": "image/svg+xml",
    };
    for (const [path, type] of Object.entries(types)) {
      const response = await fetch(`${demo.url}${path}`);
      assert.equal(response.headers.get("content-type")?.split(";")[0], type);
      assert.match(response.headers.get("content-security-policy") ?? "", /^default-src 'none'; script-src 'self';/);
      assert.ok((await response.text()).length > 0);
    }
  });

  test("answers a message with what is wrong with it, and goes on", async () => {
    const member = await Member.enter(demo, "Bob");
    const cases: [message: string | Uint8Array, reason: string][] = [
      ["hello", "a message must be a JSON object"],
      ["null", "a message must be a JSON object"],
      [Uint8Array.of(123, 125), "a message must be a JSON object"],
      ["{}", "number must count from 1"],
      ['{"number":0}', "number must count from 1"],
      ['{"number":1.5}', "number must count from 1"],
      ['{"number":1}', "type must be pulse, say, switch or cut"],
      ['{"number":1,"type":"say"}', "text must be a string"],
      ['{"number":1,"type":"say","text":" \\n "}', "text must not be empty"],
      [JSON.stringify({ number: 1, type: "say", text: "x".repeat(501) }), "text must have at most 500 characters"],
      ['{"number":1,"type":"switch"}', "name must be blocksWebSocket or buffersStreams"],
      ['{"number":1,"type":"switch","name":"blocksWebSocket","isOn":1}', "isOn must be true or false"],
    ];
    for (const [index, [message, reason]] of cases.entries()) {
      member.channel.send(message);
      assert.deepEqual((await member.next("refused", index + 1)).event, { type: "refused", reason });
    }
    member.send({ type: "say", text: "  \u{1F44B} <b>hello</b> " });
    assert.deepEqual(await member.heard(1), ["\u{1F44B} <b>hello</b>"]);
    // None of what was refused has been counted.
    assert.deepEqual((await member.next("said")).got, { first: 1, arrived: 1, lost: 0, doubled: 0 });
    member.channel.close();
  });
});
