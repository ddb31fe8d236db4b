import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { describe, it, type TestContext } from "node:test";
import express, { type RequestHandler } from "express";
import {
  type ChannelError,
  type ChannelKind,
  createListeners,
  createSessions,
  isChannelError,
  type ListenerOptions,
  type Listeners,
} from "../../src/index.ts";
import { type Client, dial, received } from "../client/site.ts";
import { setServer } from "../server/set-server.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";

guardAgainstUnhandled();

const kinds: readonly ChannelKind[] = ["websocket", "http-streaming", "long-polling"];

type Mounted = { readonly url: string; readonly listeners: Listeners };

/** Sessions under `/live` of a server that answers everything else by itself, as the documents show. */
async function mount(
  t: TestContext,
  build: (listeners: Listeners) => RequestListener,
  options: ListenerOptions = {},
): Promise<Mounted> {
  const sessions = createSessions();
  const listeners = createListeners(
    (request) => sessions.accept(request, (channel) => channel.onReceive((message) => channel.send(message))),
    options,
  );
  const server = createServer(build(listeners));
  server.on("upgrade", listeners.upgrade);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    await listeners.stop({ timeoutMs: 0 });
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return { url: `http://127.0.0.1:${address.port}`, listeners };
}

const mounts: Readonly<Record<string, (listeners: Listeners) => RequestListener>> = {
  "a server of node:http": (listeners) => (message, response) => {
    if (message.url?.startsWith("/live") === true) listeners.request(message, response);
    else response.end("the rest of the site");
  },
  Express: (listeners) => {
    const application = express();
    application.use("/live", listeners.request);
    application.use((_request, response) => void response.send("the rest of the site"));
    return application;
  },
};

for (const [what, build] of Object.entries(mounts)) {
  describe(`sessions on ${what}`, () => {
    for (const kind of kinds) {
      it(`go over ${kind}, in order, beside the rest of the site`, async (t) => {
        const { url } = await mount(t, build);
        const client = dial(t, `${url}/live`, { transports: [kind] });
        const messages = Array.from({ length: 50 }, (_, index) => `${index}`);
        for (const message of messages) client.channel.send(message);
        assert.equal(await (await fetch(`${url}/other`)).text(), "the rest of the site");
        await client.log.waitFor("receive", { count: messages.length });
        assert.deepEqual(received(client), messages);
        assert.equal(client.channel.kind, kind);
      });
    }

    it("are told that the listeners stop, and the server goes on", async (t) => {
      const { url, listeners } = await mount(t, build);
      const clients: Client[] = kinds.map((kind) =>
        dial(t, `${url}/live`, { transports: [kind], reconnectDelayMs: 60_000, maxReconnectDelayMs: 60_000 }),
      );
      await Promise.all(clients.map(({ log }) => log.waitFor("open")));
      await listeners.stop({ timeoutMs: 500 });
      await Promise.all(clients.map(({ log }) => log.waitFor("waiting")));
      assert.equal(await (await fetch(`${url}/other`)).text(), "the rest of the site");
    });
  });
}

describe("sessions behind body parsers of Express", () => {
  const behind = (parser: RequestHandler) => (listeners: Listeners) =>
    express().use(parser).use("/live", listeners.request);

  it("work behind express.json, which leaves their bodies alone", async (t) => {
    const { url } = await mount(t, behind(express.json()));
    const client = dial(t, `${url}/live`, { transports: ["long-polling"] });
    client.channel.send("hello");
    await client.log.waitFor("receive");
    assert.deepEqual(received(client), ["hello"]);
  });

  it("are refused behind one that reads all bodies, and the application is told what to do", async (t) => {
    const errors: ChannelError[] = [];
    const { url } = await mount(t, behind(express.raw({ type: "*/*" })), { onError: (error) => errors.push(error) });
    const client = dial(t, `${url}/live`, { transports: ["http-streaming"], reconnectDelayMs: 60_000 });
    await client.log.waitFor("waiting");
    const [error] = errors;
    assert.equal(error?.code, "HANDLER_FAILED");
    const { cause } = error;
    assert.ok(isChannelError(cause) && cause.code === "CHANNEL_UNAVAILABLE");
    assert.match(cause.message, /sessions go in front of what parses bodies/);
  });

  it("work in a handler that has read the body itself, mounted or not", async (t) => {
    const sessions = createSessions();
    const handle = async (request: Request): Promise<Response> => {
      if (request.method === "POST") await request.text();
      return await sessions.accept(request, (channel) => channel.onReceive((message) => channel.send(message)));
    };
    const listeners = createListeners(handle);
    const { port } = await setServer(t, handle);
    const mounted = await mount(t, () => listeners.request);
    t.after(() => listeners.stop({ timeoutMs: 0 }));
    for (const url of [`http://127.0.0.1:${port}/`, mounted.url]) {
      const client = dial(t, url, { transports: ["long-polling"] });
      client.channel.send("hello");
      await client.log.waitFor("receive");
      assert.deepEqual(received(client), ["hello"]);
    }
  });
});
