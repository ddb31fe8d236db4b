import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { type Demo, nextRecord, openSocket, pollBatch, post, startDemo, stopDemo } from "./demo.ts";

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
    ["name=Ada&kind=pigeon", /^400 kind must be websocket, http-streaming or long-polling$/],
    ["name=Ada&kind=websocket", /^400 the kind websocket takes an upgrade$/],
    ["name=Ada&since=12", /^400 since must be the position of a record$/],
    ["name=Ada&since=", /^400 since must be the position of a record$/],
    ["name=Ada&wait=0", /^400 wait must be a whole number of seconds from 1 to 60$/],
    ["name=Ada&wait=61", /^400 wait must be/],
    ["name=Ada&wait=", /^400 wait must be/],
    ["name=Ada&wait=1e9", /^400 wait must be/],
    ["name=Ada&wait=soon", /^400 wait must be/],
  ];
  for (const [query, expected] of badQueries) {
    test(`refuses GET /room?${query.length > 40 ? `${query.slice(0, 40)}…` : query} with what is wrong`, async () => {
      assert.match(await refusal(await fetch(`${demo.url}/room?${query}`)), expected);
    });
  }

  test("refuses an upgrade in the same words", async () => {
    for (const path of ["/room?name=%3Cb%3E", "/room?name=Ada&kind=long-polling", "/nowhere"]) {
      const client = await connectRaw(demo.port);
      client.write(handshakeRequest({ path, host: `127.0.0.1:${demo.port}` }));
      const response = await client.readResponse();
      assert.equal(response.status, path === "/nowhere" ? 404 : 400, path);
      assert.ok("error" in (JSON.parse(response.text) as object), path);
    }
  });

  const ada = { name: "Ada", kind: "long-polling" };
  const badMessages: [what: string, body: unknown, expected: RegExp][] = [
    ["no object", null, /^400 the body must be a JSON object$/],
    ["a list", [], /^400 the body must be a JSON object$/],
    ["a text alone", "hello", /^400 the body must be a JSON object$/],
    ["no name", { kind: "long-polling", text: "x" }, badName],
    ["a name that is an object", { ...ada, name: { toString: "Ada" }, text: "x" }, badName],
    ["no kind", { name: "Ada", text: "x" }, /^400 kind must be/],
    [
      "a name that nobody has",
      { ...ada, name: "Nobody", text: "x" },
      /^403 nobody of that name and kind is in the room/,
    ],
    ["no text", ada, /^400 text must be a string$/],
    ["a number for the text", { ...ada, text: 7 }, /^400 text must be a string$/],
    ["an empty text", { ...ada, text: " \n " }, /^400 text must not be empty$/],
    ["a text that is too long", { ...ada, text: "x".repeat(501) }, /^400 text must have at most 500 characters$/],
  ];
  for (const [what, body, expected] of badMessages) {
    test(`refuses a message with ${what}`, async () => {
      await pollBatch(demo, "Ada", { wait: 1, since: "0123456789abcdef-0" });
      assert.match(await refusal(await post(demo, "/messages", body)), expected);
    });
  }

  test("refuses a body that is not JSON, or not declared as JSON, as a form of another site would send it", async () => {
    for (const path of ["/messages", "/close"]) {
      const url = `${demo.url}${path}`;
      const headers = { "Content-Type": "application/json" };
      assert.match(
        await refusal(await fetch(url, { method: "POST", headers, body: "{" })),
        /^400 the body must be JSON$/,
      );
      for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
        const response = await fetch(url, { method: "POST", headers: { "Content-Type": type }, body: "{}" });
        assert.match(await refusal(response), /^415 the body must be application\/json$/);
      }
    }
  });

  test("refuses a body that is far too long", async () => {
    const response = await post(demo, "/messages", { ...ada, text: "x".repeat(5000) });
    assert.equal(response.status, 413);
  });

  test("refuses other methods with the one that it takes", async () => {
    const cases = [
      ["POST", "/room", "GET"],
      ["GET", "/messages", "POST"],
      ["PUT", "/close", "POST"],
      ["DELETE", "/", "GET"],
      ["HEAD", "/room?name=Ada", "GET"],
    ] as const;
    for (const [method, path, allowed] of cases) {
      const response = await fetch(`${demo.url}${path}`, { method });
      assert.equal(response.status, 405, `${method} ${path}`);
      assert.equal(response.headers.get("allow"), allowed);
    }
  });

  test("serves the files of the page and none beside them", async () => {
    const client = await connectRaw(demo.port);
    const paths = ["/nothing", "/../server.js", "/..%2fserver.js", "/%2e%2e/server.js", "//etc/passwd", "/room/"];
    for (const path of paths) {
      client.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${demo.port}\r\n\r\n`);
      const response = await client.readResponse();
      assert.equal(response.status, 404, path);
    }
    const types = {
      "/": "text/html",
      "/style.css": "text/css",
      "/main.js": "text/javascript",
      "/icon.svg": "image/svg+xml",
    };
    for (const [path, type] of Object.entries(types)) {
      const response = await fetch(`${demo.url}${path}`);
      assert.equal(response.headers.get("content-type")?.split(";")[0], type);
      assert.match(response.headers.get("content-security-policy") ?? "", /^default-src 'none'; script-src 'self';/);
      assert.ok((await response.text()).length > 0);
    }
  });

  test("answers a WebSocket message with what is wrong with it, and goes on", async () => {
    const socket = await openSocket(demo, "Bob");
    await nextRecord(socket);
    socket.sendText("  ");
    assert.deepEqual(await nextRecord<object>(socket), { error: "text must not be empty" });
    socket.sendBinary("bytes");
    assert.deepEqual(await nextRecord<object>(socket), { error: "text must be a string" });
    socket.sendText("x".repeat(501));
    assert.deepEqual(await nextRecord<object>(socket), { error: "text must have at most 500 characters" });
    socket.sendText("  \u{1F44B} <b>hello</b> ");
    assert.equal((await nextRecord(socket)).events[0]?.text, "\u{1F44B} <b>hello</b>");
    socket.sendText("x".repeat(5000));
    await socket.expectClose(1009);
  });
});
