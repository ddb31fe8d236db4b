import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import {
  type Channel,
  type CloseStatus,
  createSessions,
  eventStreamHeaders,
  MemoryChannelStore,
  remoteAddress,
  type Server,
  serve,
  withChannel,
} from "../../src/index.ts";
import { dial } from "../client/site.ts";
import { setServer } from "../server/set-server.ts";
import { deferred, eventually, within } from "../support/expect.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import {
  documentedConfiguration,
  documentedRoute,
  hasProxy,
  type ReverseProxy,
  startProxy,
} from "../support/reverse-proxy.ts";
import { openWebSocket } from "../support/websocket-client.ts";

/** How long a message may take through a proxy that passes it on. One that holds it back does so for seconds. */
const soonMs = 500;

for (const name of ["nginx", "haproxy", "apache", "caddy"] as const) {
  const skip = !hasProxy(name) && `there is no ${name} on this machine`;
  describe(`${name}, configured as the documents say${skip === false ? "" : `: skipped, ${skip}`}`, { skip }, () => {
    let server: Server;
    let proxy: ReverseProxy;
    const members = new MemoryChannelStore();
    let seen: Request | undefined;
    let closed = deferred<CloseStatus>();

    before(async () => {
      const use = (channel: Channel): void => {
        closed = deferred();
        members.add("all", channel);
        channel.onClose((status) => closed.resolve(status));
        channel.onReceive((message) => void channel.send(message));
      };
      server = await serve(
        (request) => {
          seen = request;
          if (request.url.endsWith("/plain")) return new Response(remoteAddress(request));
          return withChannel(request, (channel) => {
            if (request.url.endsWith("/stream"))
              channel.send({ headers: eventStreamHeaders, body: "data: hello\n\n" }, { close: false });
            use(channel);
          });
        },
        { port: 0, trustProxy: 1 },
      );
      proxy = await startProxy(name, documentedConfiguration(name), server.port);
    });

    afterEach(async () => {
      destroyOpenClients();
      await eventually(() => {
        if (name === "apache") members.broadcast("all", ":\n\n", { close: false });
        assert.equal(members.size("all"), 0);
      });
    });

    after(async () => {
      await proxy.stop();
      await server.stop({ timeoutMs: 0 });
    });

    it("passes on a WebSocket and its messages in both directions, and tells at once that the client has left", async () => {
      const socket = await openWebSocket(proxy.port, "/live", { host: "site.example" });
      socket.sendText("hello");
      assert.equal(await socket.nextMessage({ timeoutMs: soonMs }), "hello");
      members.broadcast("all", "to all");
      assert.equal(await socket.nextMessage({ timeoutMs: soonMs }), "to all");
      socket.client.destroy();
      await within(soonMs, closed.promise, "the close of the channel");
    });

    it("lets a page of its own host open a WebSocket, and no other page", async () => {
      const socket = await openWebSocket(proxy.port, "/live", {
        host: "site.example",
        headers: { Origin: "http://site.example" },
      });
      socket.client.destroy();
      await assert.rejects(
        openWebSocket(proxy.port, "/live", { host: "site.example", headers: { Origin: "http://other.example" } }),
        /403/,
      );
    });

    it("passes on each message of a stream at once", async () => {
      const client = await connectRaw(proxy.port);
      client.write("GET /stream HTTP/1.1\r\nHost: site.example\r\n\r\n");
      await client.readUntil("data: hello\n\n", { timeoutMs: soonMs });
      for (const text of ["one", "two", "three"]) {
        members.broadcast("all", `data: ${text}\n\n`, { close: false });
        await client.readUntil(`data: ${text}\n\n`, { timeoutMs: soonMs });
      }
    });

    it("answers a poll that was parked", async () => {
      const client = await connectRaw(proxy.port);
      client.write("GET /poll HTTP/1.1\r\nHost: site.example\r\n\r\n");
      await eventually(() => assert.equal(members.size("all"), 1));
      members.broadcast("all", "news");
      assert.equal((await client.readResponse({ timeoutMs: soonMs })).text, "news");
    });

    for (const path of ["/stream", "/poll"]) {
      it(`tells that the client of ${path} has left${name === "apache" ? ", once something is sent to it" : ""}`, async () => {
        const client = await connectRaw(proxy.port);
        client.write(`GET ${path} HTTP/1.1\r\nHost: site.example\r\n\r\n`);
        await eventually(() => assert.equal(members.size("all"), 1));
        const left = closed.promise;
        if (path === "/stream") await client.readUntil("data: hello\n\n", { timeoutMs: soonMs });
        client.destroy();
        if (name === "apache") {
          await eventually(() => {
            members.broadcast("all", "data: is anybody there?\n\n", { close: false });
            assert.equal(members.size("all"), 0);
          });
        }
        await within(soonMs, left, "the close of the channel");
      });
    }

    it("says who the client is, and which host and scheme it has asked for", async () => {
      const client = await connectRaw(proxy.port);
      client.write("GET /plain HTTP/1.1\r\nHost: site.example:8080\r\n\r\n");
      assert.equal((await client.readResponse({ timeoutMs: soonMs })).text, "127.0.0.1");
      assert.equal(seen?.url, "http://site.example:8080/plain");
    });

    it("passes on one route of a site alone, with all that a session needs, where the documents show that", async (context) => {
      const sessions = createSessions();
      const echo = await setServer(
        context,
        (request) =>
          request.url.endsWith("/live")
            ? sessions.accept(request, (channel) => channel.onReceive((message) => channel.send(message)))
            : new Response("this is not the site"),
        { trustProxy: 1 },
      );
      const site = await startProxy(name, documentedRoute(name), echo.port);
      context.after(() => site.stop());
      const url = `http://127.0.0.1:${site.port}`;
      for (const kind of ["websocket", "http-streaming", "long-polling"] as const) {
        const { channel, log } = dial(context, `${url}/live`, { transports: [kind] });
        channel.send(kind);
        assert.deepEqual((await log.waitFor("receive")).args, [kind]);
        assert.equal(channel.kind, kind);
        channel.close();
      }
      assert.doesNotMatch(await (await fetch(`${url}/other`)).text(), /this is not the site/);
    });
  });
}
