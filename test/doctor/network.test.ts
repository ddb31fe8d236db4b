import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import { once } from "node:events";
import { connect, createServer as createTcpServer } from "node:net";
import { createServer as createSecureServer } from "node:https";
import { describe, it, type TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import { createListeners, createSessions, serve, type Sessions, withChannel } from "../../src/index.ts";
import { createFaultProxy, type Fault, type FaultProxy } from "../../src/testing.ts";
import { setSite } from "../client/site.ts";
import { setServer } from "../server/set-server.ts";
import { selfSignedCertificate } from "../support/certificate.ts";
import { findFreePort } from "../support/free-port.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { examine, type Examination } from "./clinic.ts";

guardAgainstUnhandled();

describe("a network that treats upgrades badly", { concurrency: 3 }, () => {
  const cases: readonly { readonly fault: Fault; readonly seen: RegExp }[] = [
    { fault: { type: "swallow-upgrade" }, seen: /^the upgrade was swallowed: no answer in 3\.\d s$/ },
    { fault: { type: "mute-upgrade" }, seen: /^open after .*, and muted: the attach was not answered in 3\.\d s$/ },
    { fault: { type: "close-upgrade" }, seen: /^open after .*, and then the connection ended$/ },
    { fault: { type: "refuse-upgrade", status: 400 }, seen: /^the upgrade was refused after .*: answered 400$/ },
    { fault: { type: "strip-upgrade" }, seen: /^the upgrade was refused after .*: answered 405$/ },
  ];
  for (const { fault, seen } of cases) {
    it(`is found to, and the rest is fine: ${fault.type}`, async (t) => {
      const { proxy, log, sessions } = await setSite(t);
      proxy.set(fault);
      const found = await examine(proxy.url);
      assert.deepEqual(found.faults, ["FAIL websocket"], found.output);
      assert.match(found.of("websocket").seen, seen);
      assert.equal(found.of("websocket").remedy?.name, "upgrade");
      assert.equal(found.of("websocket-idle").verdict, "skip");
      assert.equal(found.code, 1);
      // A session that was opened by an attach whose answer nobody got is closed, too.
      assert.equal(sessions.size, 0);
      assert.ok(log.of("close").every(({ args }) => args[0] === "normal"));
    });
  }
});

describe("a network that holds streams back", { concurrency: 3 }, () => {
  const cases: readonly { readonly what: string; readonly fault: Fault; readonly seen: RegExp }[] = [
    {
      what: "in lumps",
      fault: { type: "hold-response", on: "stream", untilMs: 900 },
      seen: /^begun after .*, the second tick \d+ ms later: both were held back$/,
    },
    {
      what: "without end",
      fault: { type: "hold-response", on: "stream", untilBytes: 1_000_000 },
      seen: /^held back: no answer in 3\.\d s, though polls are answered$/,
    },
  ];
  for (const { what, fault, seen } of cases) {
    it(`is found to: ${what}`, async (t) => {
      const { proxy, sessions } = await setSite(t);
      proxy.set(fault);
      const found = await examine(proxy.url);
      assert.ok(found.faults.includes("FAIL stream"), found.output);
      assert.match(found.of("stream").seen, seen);
      assert.equal(found.of("stream").remedy?.name, "buffering");
      assert.equal(found.of("stream-idle").verdict, "skip");
      assert.equal(sessions.size, 0);
    });
  }
});

describe("a network that cuts long answers", () => {
  it("is found to: a stream that begins does not go on", async (t) => {
    const sessions = createSessions();
    const live = createListeners((request) => sessions.accept(request, () => undefined));
    const url = await setPage(t, (message, response) => {
      live.request(message, response);
      // Before the second tick.
      setTimeout(() => message.socket.destroy(), 150);
    });
    t.after(() => live.stop({ timeoutMs: 0 }));
    const found = await examine(url);
    assert.equal(found.of("route").verdict, "ok", found.output);
    assert.match(found.of("stream").seen, /and then (?:aborted|the connection ended)$/);
    assert.equal(found.of("stream").remedy?.name, "cut");
  });
});

describe("a server", () => {
  it("that pings is answered, over every transport", async (t) => {
    const { proxy } = await setSite(t, { limits: { pingIntervalMs: 500, pongTimeoutMs: 500, pollHoldMs: 1000 } });
    const found = await examine(proxy.url, "--idle", "4");
    assert.deepEqual(found.faults, [], found.output);
    assert.match(found.of("websocket-idle").seen, /the server speaks after 500 ms$/);
    assert.match(found.of("poll").seen, /^held for (\d{3} ms|[12]\.\d s)$/);
  });

  it("that has its pings turned off is warned of", async (t) => {
    const { proxy } = await setSite(t, { limits: { pingIntervalMs: 0 } });
    const found = await examine(proxy.url);
    assert.deepEqual(found.faults, ["WARN websocket-idle"]);
  });

  it("that answers nothing more once a session was opened does not keep the doctor", async (t) => {
    const { proxy, log } = await setSite(t);
    const began = performance.now();
    const examined = examine(proxy.url, "--timeout", "0.5");
    await log.waitFor("open");
    proxy.set({ type: "half-open" });
    const found = await examined;
    assert.equal(found.code, 1);
    // Less than 50 s with the defaults.
    assert.ok(performance.now() - began < 8000, found.output);
  });
});

describe("an application that talks", () => {
  const greeting = "x".repeat(20_000);

  it("changes nothing", async (t) => {
    const { proxy } = await setTalker(t, greeting);
    const found = await examine(proxy.url);
    assert.deepEqual(found.faults, [], found.output);
  });

  it("is asked for no message twice: a poll behind what came is held", async (t) => {
    const sessions = createSessions();
    const { port } = await setServer(t, (request) => sessions.accept(request, (channel) => channel.send("welcome")));
    const found = await examine(`http://127.0.0.1:${port}/`);
    assert.deepEqual(found.faults, [], found.output);
    assert.match(found.of("poll").seen, /^held for /);
  });

  it("may close the session at once: what can be tried is", async (t) => {
    const sessions = createSessions();
    const { port } = await setServer(t, (request) => sessions.accept(request, (channel) => channel.close(4600, "no")));
    const found = await examine(`http://127.0.0.1:${port}/`);
    assert.deepEqual(found.faults, [], found.output);
    for (const check of ["same-server", "parallel", "poll", "body"]) {
      assert.deepEqual([found.of(check).verdict, found.of(check).seen], ["skip", "the application closed the session"]);
    }
  });

  it("fills the first lump of a stream that is held back, and the rest of it is missed", async (t) => {
    const { proxy, sessions } = await setTalker(t, greeting);
    proxy.set({ type: "hold-response", on: "stream", untilBytes: 16_384 });
    const found = await examine(proxy.url);
    assert.deepEqual(found.faults, ["FAIL stream"], found.output);
    assert.match(found.of("stream").seen, /^begun after .*, and then nothing for [12]\.\d s: held back$/);
    assert.equal(sessions.size, 0);
  });
});

/** Greets whoever attaches, each time. */
async function setTalker(t: TestContext, greeting: string): Promise<{ proxy: FaultProxy; sessions: Sessions }> {
  const sessions = createSessions();
  const { port } = await setServer(t, (request) => {
    const [id = ""] = request.headers.get("channelkit-session")?.split(".") ?? [];
    sessions.get(id)?.send(greeting);
    return sessions.accept(request, (channel) => channel.send(greeting));
  });
  const proxy = await createFaultProxy({ target: { port } });
  t.after(() => proxy.close());
  return { proxy, sessions };
}

describe("a URL that leads to no session", { concurrency: 3 }, () => {
  const expectRoute = (found: Examination, seen: RegExp, remedy: string): void => {
    assert.equal(found.of("route").verdict, "FAIL", found.output);
    assert.match(found.of("route").seen, seen);
    assert.equal(found.of("route").remedy?.name, remedy);
    assert.equal(found.code, 1);
  };

  it("says that nothing listens", async () => {
    const found = await examine(`http://127.0.0.1:${await findFreePort()}/`);
    expectRoute(found, /^nothing listens there \(ECONNREFUSED\)$/, "address");
    assert.equal(found.findings.length, 1);
  });

  it("says that the name has no address", async () => {
    expectRoute(await examine("http://channelkit-doctor.invalid/"), /DNS/, "address");
  });

  it("says that there is no answer, and in which time", async (t) => {
    const silent = createTcpServer((socket) => void socket.on("error", () => socket.destroy()).resume());
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    t.after(() => silent.close());
    const address = silent.address();
    assert.ok(address !== null && typeof address === "object");
    const found = await examine(`http://127.0.0.1:${address.port}/`);
    expectRoute(found, /^no answer in 3\.\d s$/, "silent");
  });

  it("says so of a route of plain channels, which holds the request as a poll", async (t) => {
    const { port } = await setServer(t, (request) => withChannel(request, () => undefined));
    const found = await examine(`http://127.0.0.1:${port}/live`);
    expectRoute(found, /^no answer in 3\.\d s$/, "silent");
    assert.match(found.of("route").remedy?.what ?? "", /at \/live\..*withChannel.*sessions\.accept/);
    assert.equal(found.findings.length, 1);
  });

  it("tells a host that takes no connection from one that answers nothing", async (t) => {
    const port = await setFull(t);
    expectRoute(await examine(`http://127.0.0.1:${port}/`), /^no connection in 3\.\d s$/, "address");
  });

  it("says that a certificate is not good", async (t) => {
    const server = createSecureServer({ ...selfSignedCertificate() }, (_request, response) => response.end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    expectRoute(await examine(`https://127.0.0.1:${address.port}/`), /^TLS failed: .*SELF_SIGNED/, "tls");
  });

  it("says that no TLS is spoken where the URL says https:", async (t) => {
    const { port } = await setSite(t);
    expectRoute(await examine(`https://127.0.0.1:${port}/`), /^TLS failed/, "noTls");
  });

  const pages: readonly {
    readonly what: string;
    readonly page: RequestListener;
    path?: string;
    seen: RegExp;
    remedy: string;
  }[] = [
    {
      what: "a page",
      page: (_request, response) => response.writeHead(200, { "Content-Type": "text/html" }).end("<p>welcome"),
      seen: /^answered 200 with Content-Type text\/html, which is no answer of a session$/,
      remedy: "path",
    },
    {
      what: "a redirect, without what its query hides",
      page: (_request, response) => response.writeHead(301, { Location: "/other?key=hidden" }).end(),
      seen: /^redirected with 301 to http:\/\/127\.0\.0\.1:\d+\/other\?…$/,
      remedy: "redirect",
    },
    {
      what: "a redirect that adds a slash",
      page: (_request, response) => response.writeHead(301, { Location: "/live/" }).end(),
      path: "/live",
      seen: /^redirected with 301 to http:\/\/127\.0\.0\.1:\d+\/live\/$/,
      remedy: "slash",
    },
    {
      what: "404",
      page: (_request, response) => response.writeHead(404).end(),
      seen: /^answered 404$/,
      remedy: "path",
    },
    {
      what: "405",
      page: (_request, response) => response.writeHead(405).end(),
      seen: /^answered 405$/,
      remedy: "path",
    },
    {
      what: "502",
      page: (_request, response) => response.writeHead(502).end(),
      seen: /^answered 502$/,
      remedy: "upstream",
    },
    {
      what: "500",
      page: (_request, response) => response.writeHead(500).end(),
      seen: /^answered 500$/,
      remedy: "serverFault",
    },
    {
      what: "bytes of something else",
      page: (_request, response) =>
        response.writeHead(200, { "Content-Type": "application/octet-stream" }).end("x".repeat(1000)),
      seen: /^answered 200, and then what came was not of this protocol$/,
      remedy: "path",
    },
    {
      what: "an answer that breaks off",
      page: (_request, response) => {
        response.writeHead(200, { "Content-Type": "application/octet-stream" }).flushHeaders();
        setImmediate(() => response.destroy());
      },
      seen: /^answered 200, and then (?:aborted|the connection ended)$/,
      remedy: "cut",
    },
    {
      what: "401",
      page: (_request, response) => response.writeHead(401).end(),
      seen: /^answered 401$/,
      remedy: "authorization",
    },
  ];
  for (const { what, page, path = "/", seen, remedy } of pages) {
    it(`says that it is answered by ${what}`, async (t) => {
      const found = await examine(new URL(path, await setPage(t, page)).href);
      expectRoute(found, seen, remedy);
      // What was never there nobody has taken.
      assert.match(found.of("version").seen, /^HTTP\/1\.1$/);
      // The upgrade is refused for the same reason: whoever mends it is not sent to look for another one.
      const names = new Set(found.findings.flatMap((each) => each.remedy?.name ?? []));
      assert.deepEqual([...names], [remedy], found.output);
    });
  }

  it("says one thing to mend also where upgrades are not answered at all", async (t) => {
    const server = createServer((_request, response) => response.writeHead(404).end());
    server.on("upgrade", (_request, socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    const found = await examine(`http://127.0.0.1:${address.port}/`);
    expectRoute(found, /^answered 404$/, "path");
    assert.match(found.of("websocket").seen, /^the upgrade failed: /);
    assert.equal(found.of("websocket").remedy?.name, "path");
  });

  it("says that a plain channel is no session", async (t) => {
    const server = await serve((request) => withChannel(request, (channel) => channel.send("hello")), { port: 0 });
    t.after(() => server.stop({ timeoutMs: 0 }));
    expectRoute(await examine(server.url), /which is no answer of a session$/, "path");
  });

  it("shows nothing of what a peer says that could rewrite a terminal", async (t) => {
    const page: RequestListener = (_request, response) =>
      response.writeHead(200, { "Content-Type": "text/\xa0\x9b2J".padEnd(400, "x") }).end();
    const { of } = await examine(await setPage(t, page));
    assert.match(of("route").seen, /^answered 200 with Content-Type text\/\?\?2Jx{1,120}…, which/);
  });
});

/** A port whose queue of connections is full: the system takes no more, and says nothing. */
async function setFull(t: TestContext): Promise<number> {
  const worker = new Worker(
    `const { parentPort } = require("node:worker_threads");
    const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`,
    { eval: true },
  );
  t.after(() => worker.terminate());
  const [port] = (await once(worker, "message")) as [number];
  // Two have room in a queue of one.
  const sockets = [connect(port, "127.0.0.1"), connect(port, "127.0.0.1")];
  // Reset by the end of the worker.
  for (const socket of sockets) socket.on("error", () => socket.destroy());
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  return port;
}

async function setPage(t: TestContext, page: RequestListener): Promise<string> {
  const server = createServer(page);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return `http://127.0.0.1:${address.port}/`;
}
