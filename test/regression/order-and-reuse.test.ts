import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import type { Channel, Server } from "../../src/index.ts";
import { serve, withChannel } from "../../src/index.ts";
import { deferred } from "../support/expect.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";

let server: Server;
let channel: Channel;

/** Parks one request of a client whose answer ends with the connection, and gives its whole text. */
async function park(request: string): Promise<{ text: () => Promise<string> }> {
  const parked = deferred<Channel>();
  server = await serve((opening) => withChannel(opening, parked.resolve), { port: 0 });
  const client = await connectRaw(server.port);
  client.write(request);
  channel = await parked.promise;
  return { text: async () => (await client.readToEnd()).toString("latin1").split("\r\n\r\n").slice(1).join("\n") };
}

afterEach(async () => {
  destroyOpenClients();
  await server.stop({ timeoutMs: 0 });
});

test("A send at the very end of a stream body does not overtake what stands in line behind it [C25, C44]", async () => {
  const client = await park("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  let end = (): void => undefined;
  const body = new ReadableStream<string>({ start: (controller) => (end = () => controller.close()) });
  channel.send(body, { close: false });
  // The source is being read from the next turn on at the latest.
  await new Promise(setImmediate);
  const sent = ["first", "second"];
  for (const text of sent) channel.send(text, { close: false });
  end();
  // At every micro-task around the end, wherever it comes.
  for (let index = 0; index < 20; index++) {
    await Promise.resolve();
    sent.push(`tick ${index}`);
    channel.send(`tick ${index}`, { close: false });
  }
  channel.close();
  const text = await client.text();
  assert.deepEqual(text.match(/first|second|tick \d+/g), sent);
});

for (const [version, request] of [
  ["1.0", "GET / HTTP/1.0\r\n\r\n"],
  ["1.1", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"],
]) {
  test(`Bytes that are used again after a send do not change what was sent over HTTP/${version} [C125]`, async () => {
    const client = await park(request ?? "");
    const buffers = [Buffer.alloc(4), Buffer.alloc(4)];
    const sent: string[] = [];
    for (const turn of ["ab", "cd", "ef"]) {
      // Twice in a turn, and again in the next.
      for (const [index, buffer] of buffers.entries()) {
        buffer.fill(turn[index] ?? "");
        sent.push(buffer.toString());
        channel.send(buffer, { close: false });
        buffer.fill("-");
      }
      await channel.flushed();
      await new Promise(setImmediate);
    }
    channel.close();
    assert.deepEqual((await client.text()).match(/[a-z-]{4}/g), sent);
  });
}
