import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { WebSocketServer } from "ws";
import { root } from "../architecture/source.ts";
import { setSite } from "../client/site.ts";
import { runProgram } from "../support/child.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";

guardAgainstUnhandled();

/** Runs the command as a process of its own, which has to end by itself. */
async function command(url: string): Promise<{ readonly code: number | null; readonly output: string }> {
  const args = ["doctor", url, "--idle", "0.5", "--timeout", "2"];
  const program = await runProgram(join(root, "dist", "command.js"), { args });
  const { code } = await program.exited;
  return { code, output: program.output() };
}

async function setPeer(t: TestContext, page: RequestListener, says?: readonly (string | Buffer)[]): Promise<string> {
  const server = createServer(page);
  const sockets = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) => {
    if (says === undefined) socket.destroy();
    else {
      sockets.handleUpgrade(request, socket, head, (peer) => {
        for (const each of says) peer.send(each);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const peer of sockets.clients) peer.terminate();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return `http://127.0.0.1:${address.port}/`;
}

const notFound: RequestListener = (_request, response) => response.writeHead(404).end();

describe("a peer that means ill", () => {
  for (const coding of ["constructor", "toString", "__proto__"]) {
    it(`does not end the doctor by a coding that is none: ${coding}`, async (t) => {
      const page: RequestListener = (_request, response) =>
        response
          .writeHead(200, { "Content-Type": "application/octet-stream", "Content-Encoding": coding })
          .end("no record");
      const { code, output } = await command(await setPeer(t, page));
      assert.equal(code, 1, output);
      assert.match(output, /^FAIL {2}route .*what came was not of this protocol$/m);
    });
  }

  const ends: readonly { readonly what: string; readonly says: string; readonly seen: RegExp }[] = [
    { what: "what is no record", says: "none", seen: /^FAIL {2}websocket .* what came was not of this protocol$/m },
    {
      what: "the end",
      says: JSON.stringify({ type: "detach", code: 4005, reason: "unknown" }),
      seen: /^FAIL {2}websocket .* 4005 unknown$/m,
    },
  ];
  for (const { what, says, seen } of ends) {
    it(`does not keep the doctor by a WebSocket that stays open behind ${what}`, { timeout: 20_000 }, async (t) => {
      const { code, output } = await command(await setPeer(t, notFound, [Buffer.alloc(0), says]));
      assert.equal(code, 1, output);
      assert.match(output, seen);
    });
  }
});

describe("a URL with a fragment", () => {
  it("is looked at as without it", async (t) => {
    const { port } = await setSite(t);
    const { code, output } = await command(`http://127.0.0.1:${port}/#part`);
    assert.equal(code, 0, output);
    assert.match(output, /^ok {4}websocket /m);
  });
});

describe("a reader that leaves before the report is there", () => {
  it("does not end the command with a stack", async () => {
    const program = await runProgram(join(root, "dist", "command.js"), { args: ["--help"] });
    program.process.stdout?.destroy();
    const { code } = await program.exited;
    assert.deepEqual([code, program.output()], [0, ""]);
  });
});
