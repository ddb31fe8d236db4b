import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, test, type TestContext } from "node:test";
import { type ClientOptions, WebSocket } from "ws";
import { withChannel } from "../../src/index.ts";
import { setServer, type TestServer } from "../server/set-server.ts";
import { launchBrowser, openPage } from "../support/browser.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Random, seedFromEnvironment } from "../support/random.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

function startEcho(t: TestContext): Promise<TestServer> {
  return setServer(
    t,
    (request) =>
      request.headers.get("upgrade") === null
        ? new Response("<!doctype html><title>a page</title>", { headers: { "Content-Type": "text/html" } })
        : withChannel(request, (channel) => channel.onReceive((message) => void channel.send(message))),
    { compression: { minBytes: 100 }, limits: { maxBufferedBytes: 64 * 1024 * 1024 } },
  );
}

const settings: readonly (readonly [name: string, options: ClientOptions["perMessageDeflate"]])[] = [
  ["its defaults", true],
  ["no threshold", { threshold: 0 }],
  ["a small window", { clientMaxWindowBits: 9, threshold: 0 }],
  ["a wish for the window of the server", { serverMaxWindowBits: 13, threshold: 0 }],
  ["no context on either side", { serverNoContextTakeover: true, clientNoContextTakeover: true }],
];

const seed = seedFromEnvironment();

for (const [name, perMessageDeflate = false] of settings) {
  test(`a client of ws with ${name} and this server understand each other (seed ${seed})`, async (t) => {
    const { port, errors } = await startEcho(t);
    const random = new Random(seed);
    const client = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate });
    t.after(() => client.terminate());
    await once(client, "open");
    assert.equal(client.extensions, "permessage-deflate");
    const sent: (string | Buffer)[] = [];
    const received: (string | Buffer)[] = [];
    let pongs = 0;
    client.on("pong", () => (pongs += 1));
    client.on("message", (data: Buffer, isBinary) => received.push(isBinary ? data : data.toString()));
    for (let count = 0; count < 150; count++) {
      const words = Array.from({ length: random.int(0, 3000) }, () => random.pick(["alpha ", "beta €", "gamma"]));
      const message = random.chance(0.3) ? random.bytes(random.int(0, 5000)) : words.join("");
      sent.push(message);
      if (random.chance(0.3) && typeof message === "string") {
        client.send(message.slice(0, 10), { fin: false });
        client.send(message.slice(10), { fin: true });
      } else client.send(message);
      if (random.chance(0.2)) client.ping();
    }
    client.close(1000, "done");
    const [code] = (await once(client, "close")) as [number];
    assert.equal(code, 1000);
    assert.equal(received.length, sent.length);
    assert.ok(received.every((message, index) => Buffer.from(message).equals(Buffer.from(sent[index] ?? "?"))));
    assert.ok(pongs > 0);
    assert.deepEqual(errors, []);
  });
}

test("Chromium and this server understand each other", async (t) => {
  const { server, errors } = await startEcho(t);
  const browser = await launchBrowser();
  t.after(() => browser.close());
  const { page } = await openPage(browser, server.url);
  const found = await page.evaluate<{ extensions: string; same: number }>(`(async () => {
    const socket = new WebSocket(location.href.replace("http", "ws"));
    socket.binaryType = "arraybuffer";
    await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
    const messages = ["short", "long ".repeat(2000), "", Array.from({ length: 20000 }, (_, index) => index + " €").join()];
    let same = 0;
    for (const message of messages) {
      const answer = new Promise((resolve, reject) => { socket.onmessage = resolve; socket.onclose = reject; });
      socket.send(message);
      if ((await answer).data === message) same += 1;
    }
    return { extensions: socket.extensions, same };
  })()`);
  assert.match(found.extensions, /^permessage-deflate/);
  assert.equal(found.same, 4);
  assert.deepEqual(errors, []);
});
