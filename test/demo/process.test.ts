import assert from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";
import { afterEach, describe, test } from "node:test";
import { runProgram } from "../support/child.ts";
import { eventually, within } from "../support/expect.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { demoFile, Member, startDemo } from "./demo.ts";

describe("the process of the demonstration", () => {
  afterEach(destroyOpenClients);

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    test(`ends at ${signal} as soon as everybody has been told`, async (t) => {
      const demo = await startDemo();
      const { program } = demo;
      const kinds = ["websocket", "http-streaming", "long-polling"] as const;
      const members = await Promise.all(kinds.map((kind) => Member.enter(demo, kind, { transports: [kind] })));
      t.after(() => members.map(({ channel }) => channel.close()));
      const exited = program.stop(signal);
      for (const { log } of members) await log.waitFor("waiting", { timeoutMs: 5000 });
      // A client over HTTP may have found out before, when it could not make its next request.
      const timeline = members[0]?.channel.explain();
      // It was told to go elsewhere before, and there was nothing.
      assert.ok(
        timeline?.some(({ cause }) => cause === "4000 shutdown"),
        JSON.stringify(timeline),
      );
      assert.deepEqual(await within(5000, exited, "the end"), { code: 0, signal: null });
      assert.match(program.output(), /\nStopping\. Once more ends it at once\.\nStopped\.\n$/);
    });
  }

  for (const first of ["SIGINT", "SIGTERM"] as const) {
    test(`ends at once at the second signal, a SIGTERM behind a ${first}, whoever has not answered yet`, async () => {
      const demo = await startDemo();
      const { program } = demo;
      // A handshake that never attaches: nobody answers a Close frame here.
      const socket = await openWebSocket(demo.port, "/live?name=Ada", { protocols: ["channelkit.1"] });
      program.process.kill(first);
      await eventually(() => assert.match(program.output(), /Stopping/));
      program.process.kill("SIGTERM");
      assert.deepEqual(await within(1500, program.exited, "the end"), { code: 143, signal: null });
      assert.doesNotMatch(program.output(), /Stopped/);
      socket.client.destroy();
    });
  }

  test("says in one line that the port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    assert.ok(typeof address === "object" && address !== null);
    const program = await runProgram(demoFile, { env: { PORT: String(address.port) } });
    assert.deepEqual(await program.exited, { code: 1, signal: null });
    assert.equal(program.output(), `Port ${address.port} is taken. Choose another one: PORT=9091 npm start\n`);
    other.close();
  });

  test("says in one line that the port is none", async () => {
    for (const port of ["http", "70000", "-1", "90.5"]) {
      const program = await runProgram(demoFile, { env: { PORT: port } });
      assert.deepEqual(await program.exited, { code: 1, signal: null });
      assert.equal(program.output(), `PORT must be a number from 0 to 65535, but it is "${port}"\n`);
    }
  });
});
