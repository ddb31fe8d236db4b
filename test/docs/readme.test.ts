import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { root } from "../architecture/source.ts";
import { dial } from "../client/site.ts";
import { runProgram, type RunningProgram } from "../support/child.ts";
import { eventually } from "../support/expect.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { openWebSocket } from "../support/websocket-client.ts";

const readme = readFileSync(join(root, "README.md"), "utf8");
/** Inside the project, where Node resolves "channelkit" to what package.json exports: the built package. */
const folder = join(root, "build", "readme");

describe("the README", () => {
  it("has at most 150 lines", () => {
    assert.ok(readme.trimEnd().split("\n").length <= 150);
  });

  it("installs and tests by the two commands that .ci/run types, too", () => {
    const [, commands = ""] = /^```sh\n([\s\S]*?)^```$/m.exec(readme) ?? [];
    assert.equal(commands, "npm ci\nnpm test\n");
    const lines = readFileSync(join(root, ".ci", "run"), "utf8").split("\n");
    for (const command of commands.trim().split("\n")) assert.ok(lines.includes(command), command);
  });

  it("names commands that package.json has", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object };
    const named = [...readme.matchAll(/npm (?:run )?(start|test|build|check|docs)\b/g)].map(([, name = ""]) => name);
    assert.ok(named.includes("start"));
    for (const name of named) assert.ok(name in scripts, name);
  });
});

describe("the programs of the README do what it says", () => {
  const programs = [...readme.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code);
  let program: RunningProgram;
  let port: number;

  /** Each is run as it stands, but for the port. */
  const start = async (index: number): Promise<void> => {
    const file = join(folder, `${index}.mjs`);
    writeFileSync(file, (programs[index] ?? "").replaceAll(/\b9090\b/g, "0"));
    program = await runProgram(file, { readyPattern: /^http:\/\/127\.0\.0\.1:(\d+)$/ });
    port = Number(program.ready?.[1]);
  };
  const get = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${port}${path}`)).text();

  before(() => void mkdirSync(folder, { recursive: true }));
  after(() => assert.equal(programs.length, 4, "a program without a test"));
  afterEach(async () => {
    destroyOpenClients();
    await program.stop("SIGKILL");
  });

  it("the chat room", async () => {
    await start(0);
    const listener = await openWebSocket(port);
    const speaker = await openWebSocket(port);
    speaker.sendText("to sockets");
    assert.equal(await listener.nextMessage(), "to sockets");
    const poll = await connectRaw(port);
    poll.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    // The poll is on its way while messages are sent; one of them finds it in the room.
    while (poll.unread.length === 0) {
      speaker.sendText("to a poll");
      await speaker.nextMessage();
    }
    assert.equal((await poll.readResponse()).text, "to a poll");
  });

  it("one handler for every kind", async () => {
    await start(1);
    assert.equal(await get("/"), "hello");
    assert.equal((await fetch(`http://127.0.0.1:${port}/private`)).status, 401);
    await assert.rejects(openWebSocket(port, "/private"), /401/);
    const socket = await openWebSocket(port, "/echo");
    socket.sendText("hello");
    assert.equal(await socket.nextMessage(), "hello");
    assert.equal(await get("/events"), "data: 3\n\ndata: 2\n\ndata: 1\n\n");
    assert.equal(await get("/later"), "at last");
  });

  it("a channel that outlives its connection", async (t) => {
    await start(2);
    const stranger = dial(t, `http://127.0.0.1:${port}`, { token: () => "secret-of-eve" });
    assert.deepEqual((await stranger.log.waitFor("closed")).args, [{ state: "closed", code: 4501, reason: "denied" }]);
    await eventually(() => assert.match(program.output(), /^ada: hello$/m), { timeoutMs: 10_000 });
  });

  it("groups with history", async () => {
    await start(3);
    const post = (body: string): Promise<Response> => fetch(`http://127.0.0.1:${port}/`, { method: "POST", body });
    type Batch = { group: string; epoch: string; offset: number; recovered: boolean; messages: string[] };
    const socket = await openWebSocket(port);
    assert.equal((await post("first")).status, 204);
    const first = JSON.parse(String(await socket.nextMessage())) as Batch;
    assert.deepEqual(first, { group: "news", epoch: first.epoch, offset: 1, recovered: true, messages: ["first"] });
    await post("second");
    await post("third");
    const missed = JSON.parse(await get(`/?since=${first.epoch}-${first.offset}`)) as Batch;
    assert.deepEqual(missed, {
      group: "news",
      epoch: first.epoch,
      offset: 3,
      recovered: true,
      messages: ["second", "third"],
    });
    const lost = JSON.parse(await get(`/?since=${"0".repeat(16)}-1`)) as Batch;
    assert.equal(lost.recovered, false);
  });
});
