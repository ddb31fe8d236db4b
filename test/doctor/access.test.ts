import assert from "node:assert/strict";
import { createServer } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { run } from "../../src/doctor/run.ts";
import { createListeners, createSessions, type ServeOptions } from "../../src/index.ts";
import { setSite } from "../client/site.ts";
import { setServer } from "../server/set-server.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { examine } from "./clinic.ts";

guardAgainstUnhandled();

const token = "a-token-that-nobody-may-see";

describe("what proves who the doctor is", () => {
  const authorize = (request: Request): string | undefined =>
    request.headers.get("authorization") === `Bearer ${token}` ? "doctor" : undefined;

  it("is asked for where the server wants it, and does over every transport", async (t) => {
    const { proxy } = await setSite(t, { authorize });
    const without = await examine(proxy.url);
    assert.match(without.of("route").seen, /^refused with 4501 .*\(status 403\)$/);
    assert.equal(without.of("route").remedy?.name, "authorization");
    assert.match(without.of("websocket").seen, /^open after .*, and then closed with 4501/);
    const { faults, output } = await examine(proxy.url, "--token", token);
    assert.deepEqual(faults, [], output);
    const byField = await examine(proxy.url, "--header", `Authorization: Bearer ${token}`);
    assert.deepEqual(byField.faults, [], byField.output);
  });

  it("may be found out by the server later: then it is the server that refuses, and nothing before it is looked for", async (t) => {
    const fails = (): never => {
      throw new Error("the database is down");
    };
    const { proxy } = await setSite(t, { authorize: fails });
    const found = await examine(proxy.url);
    assert.match(found.of("route").seen, /^refused with 4006 busy \(status 503\)$/);
    assert.match(found.of("version").seen, /X-Accel-Buffering arrives$/);
    assert.match(found.of("websocket").seen, /^open after .*, and then closed with 4006 busy$/);
    const names = new Set(found.findings.flatMap(({ remedy }) => remedy?.name ?? []));
    assert.deepEqual([...names], ["busy"], found.output);
    assert.match(found.of("route").remedy?.what ?? "", /^The server itself .* onError says why/);
  });

  it("is not printed, even where a server repeats it; nor are secrets of sessions", async (t) => {
    const secrets: string[] = [token, "a-cookie-value"];
    const sessions = createSessions({ limits: { resumeWindowMs: 1000 } });
    const { port } = await setServer(t, (request) => {
      const session = request.headers.get("channelkit-session");
      if (session !== null) secrets.push(session, session.split(".").at(-1) ?? "");
      return sessions.accept(request, () => undefined);
    });
    for (const more of [["--json"], []]) {
      let output = "";
      const print = (text: string): void => void (output += text);
      const given = ["doctor", `http://127.0.0.1:${port}/`, "--token", token, "--header", "Cookie: a-cookie-value"];
      await run([...given, "--idle", "0.5", "--timeout", "2", ...more], { print, complain: print });
      assert.ok(secrets.length > 2);
      for (const secret of secrets) assert.ok(!output.includes(secret), output);
    }
  });

  it("is hidden where a peer repeats it, whole or cut off, and nothing else is", async (t) => {
    const long = Array.from({ length: 200 }, (_, index) => index.toString(36).padStart(3, "0")).join("");
    const repeat = async (more: readonly string[]): Promise<string> => {
      const { port } = await setServer(t, (request) => {
        const given = [request.headers.get("authorization"), request.headers.get("cookie")].join(" ").trim();
        return new Response("", { headers: { "Content-Type": `text/html; ${given}` } });
      });
      return (await examine(`http://127.0.0.1:${port}/`, ...more)).of("route").seen;
    };
    const which = "which is no answer of a session";
    assert.equal(await repeat(["--token", token]), `answered 200 with Content-Type text/html; Bearer …, ${which}`);
    assert.equal(await repeat(["--token", long]), `answered 200 with Content-Type text/html; Bearer ……, ${which}`);
    assert.equal(
      await repeat(["--header", "Cookie: a=1; id=a-cookie-value"]),
      `answered 200 with Content-Type text/html; a=1; id=…, ${which}`,
    );
    assert.equal(
      await repeat(["--header", "Cookie: id=a-cookié-value"]),
      `answered 200 with Content-Type text/html; id=…, ${which}`,
    );
  });

  it("is hidden where it stands in the query, as it was sent and as a peer reads it", async (t) => {
    for (const read of [(search: string) => search, decodeURIComponent]) {
      const { port } = await setServer(t, ({ url }) => {
        const type = `text/html; ${read(new URL(url).search)}`;
        return new Response("", { headers: { "Content-Type": type } });
      });
      const { of } = await examine(`http://127.0.0.1:${port}/?a=1&key=hidden%2Fvalue`);
      const seen = "answered 200 with Content-Type text/html; ?a=1&key=…, which is no answer of a session";
      assert.equal(of("route").seen, seen);
    }
  });
});

describe("cookies", { concurrency: 3 }, () => {
  /** With which the second request of a session comes, where the answer to the first one sets some. */
  const sentBack = async (t: TestContext, given: string, ...lines: readonly string[]): Promise<string | undefined> => {
    const sent: (string | undefined)[] = [];
    const sessions = createSessions();
    const live = createListeners((request) => sessions.accept(request, () => undefined));
    const server = createServer((message, response) => {
      if (message.headers["channelkit-session"] !== undefined) sent.push(message.headers.cookie);
      response.setHeader("Set-Cookie", lines);
      live.request(message, response);
    });
    server.on("upgrade", (_message, socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => live.stop({ timeoutMs: 0 }));
    t.after(() => server.close());
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    const header = given === "" ? [] : ["--header", `Cookie: ${given}`];
    const found = await examine(`http://127.0.0.1:${address.port}/app/live`, ...header);
    assert.equal(found.of("same-server").verdict, "ok", found.output);
    return sent[0];
  };

  const past = "Thu, 01 Jan 1970 00:00:00 GMT";
  const future = "Thu, 01 Jan 2170 00:00:00 GMT";
  const cases: readonly {
    readonly what: string;
    readonly given?: string;
    readonly lines: readonly string[];
    readonly sent: string | undefined;
  }[] = [
    { what: "that are given are sent", given: "a=1; flag; b=2=3", lines: [], sent: "a=1; flag; b=2=3" },
    { what: "that answers set are sent", lines: ["a=1; HttpOnly", 'b="2"'], sent: 'a=1; b="2"' },
    { what: "that answers set replace those given", given: "srv=old; a=1", lines: ["srv=b"], sent: "srv=b; a=1" },
    { what: "of another path are not sent", lines: ["a=1; Path=/other", "b=2; Path=/ap"], sent: undefined },
    {
      what: "of this path are sent, the longest first",
      lines: ["a=1; Path=/", "b=2; Path=/app", "c=3; path=/app/live", "d=4; Path=app"],
      sent: "c=3; b=2; d=4; a=1",
    },
    { what: "of one name and two paths are two", lines: ["a=1; Path=/", "a=2"], sent: "a=2; a=1" },
    { what: "that are set again are replaced", lines: ["a=1", "a=2; Path=/app"], sent: "a=2" },
    {
      what: "are deleted by Max-Age",
      given: "a=1; b=2",
      lines: ["a=; Max-Age=0", "c=3; Max-Age=60"],
      sent: "c=3; b=2",
    },
    { what: "are deleted by Expires", given: "a=1", lines: [`a=2; Expires=${past}`], sent: undefined },
    { what: "live until Expires", lines: [`a=2; Expires=${future}`], sent: "a=2" },
    { what: "live by Max-Age, whatever Expires says", lines: [`a=2; Expires=${past}; Max-Age=60`], sent: "a=2" },
  ];
  for (const { what, given = "", lines, sent } of cases) {
    it(what, async (t) => assert.equal(await sentBack(t, given, ...lines), sent));
  }
});

describe("pages", () => {
  const site = async (t: Parameters<typeof setServer>[0], options: ServeOptions): Promise<string> => {
    const sessions = createSessions();
    const { port } = await setServer(t, (request) => sessions.accept(request, () => undefined), options);
    return `http://127.0.0.1:${port}/`;
  };

  it("of another origin are tried in the name of one that is given", async (t) => {
    const origin = "https://app.example";
    const closed = await examine(await site(t, {}), "--origin", origin);
    assert.deepEqual(closed.faults, ["FAIL origin-own"], closed.output);
    assert.match(closed.of("origin-own").remedy?.what ?? "", /allowedOrigins: \["https:\/\/app\.example"\]/);
    const open = await examine(await site(t, { allowedOrigins: [origin] }), "--origin", origin);
    assert.deepEqual(open.faults, [], open.output);
  });

  it("of anybody are warned of where all are allowed", async (t) => {
    const { faults, of, code } = await examine(await site(t, { allowedOrigins: "*" }));
    assert.deepEqual(faults, ["WARN origin-foreign"]);
    assert.match(of("origin-foreign").seen, /may send requests, may open a WebSocket/);
    assert.equal(code, 0);
  });
});
