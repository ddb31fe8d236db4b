import assert from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";
import { afterEach, describe, test } from "node:test";
import { runProgram } from "../support/child.ts";
import { within } from "../support/expect.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { demoFile, nextRecord, openSocket, poll, pollBatch, startDemo, StreamMember } from "./demo.ts";

describe("the process of the demonstration", () => {
  afterEach(destroyOpenClients);

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    test(`ends at ${signal} as soon as everybody has been told`, async () => {
      const demo = await startDemo();
      const { program } = demo;
      const socket = await openSocket(demo, "Ada");
      await nextRecord(socket);
      const stream = await StreamMember.open(demo, "Bob");
      await stream.nextBatch();
      await nextRecord(socket);
      const { position } = await pollBatch(demo, "Cleo");
      const parked = poll(demo, "Cleo", { since: position });
      await pollBatch(demo, "Cleo", { since: `${position.split("-")[0]}-0` });
      await nextRecord(socket);
      await stream.nextBatch();

      const exited = program.stop(signal);
      await socket.expectClose(1001, { reason: "the server stops" });
      socket.sendClose(1001);
      assert.equal((await stream.client.readChunk()).length, 0);
      assert.equal((await parked).status, 204);
      for (const { client } of [socket, stream]) {
        await client.waitForEnd();
        client.end();
      }
      assert.deepEqual(await within(1500, exited, "the end"), { code: 0, signal: null });
      assert.match(program.output(), /\nStopping\. Once more ends it at once\.\nStopped\.\n$/);
    });
  }

  test("ends at once at the second signal, whoever has not answered yet", async () => {
    const demo = await startDemo();
    const { program } = demo;
    const socket = await openSocket(demo, "Ada");
    await nextRecord(socket);
    program.process.kill("SIGINT");
    await socket.expectClose(1001);
    program.process.kill("SIGTERM");
    assert.deepEqual(await within(1500, program.exited, "the end"), { code: 143, signal: null });
    assert.doesNotMatch(program.output(), /Stopped/);
  });

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
