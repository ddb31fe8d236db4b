import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { MemoryChannelStore, withChannel } from "../../src/index.ts";
import { readSources, root } from "../architecture/source.ts";
import { setServer } from "../server/set-server.ts";
import { attachRecord, post } from "../session-server/session-client.ts";
import { setSessions } from "../session-server/set-sessions.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { attachBy } from "./attach-by.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

type Manifest = {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
};

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}

describe("S32 a group", () => {
  it("S32 is joined by the application alone, by its whole name: no name stands for others, and no message of a client joins one", async (t) => {
    const store = new MemoryChannelStore();
    const { port } = await setServer(t, (request) =>
      withChannel(request, (channel) => {
        store.add(new URL(request.url).searchParams.get("room") ?? "", channel);
        channel.onReceive((message) => channel.send(message));
      }),
    );
    const member = await openWebSocket(port, "/?room=secret");
    for (const name of ["*", "sec*", ">", "secret.>", "{secret}", "secret\0", "SECRET", "secret ", "tenant:*", "."]) {
      const outside = await openWebSocket(port, `/?room=${encodeURIComponent(name)}`);
      store.broadcast("secret", "for members");
      store.broadcast(name, "for others");
      assert.equal(await outside.nextMessage(), "for others", name);
      assert.equal(await member.nextMessage(), "for members", name);
    }
    const joining = JSON.stringify({ type: "join", group: "other", subscribe: "other", channel: "other" });
    member.sendText(joining);
    assert.equal(await member.nextMessage(), joining);
    assert.equal(store.size("other"), 0);
    const sessions = await setSessions(t);
    const { socket } = await attachBy("websocket", sessions.port);
    socket?.control({ type: "join", group: "secret" } as never);
    socket?.send("alive");
    assert.equal(await socket?.next(), "alive");
    assert.equal(store.size("secret"), 1);
  });
});

describe("S33 what channelkit is made of", () => {
  it("S33 is itself, srvx and ws, whose exact bytes the lock file names, and nothing runs when it is installed", () => {
    const { dependencies, scripts } = readJson("package.json") as Manifest;
    assert.deepEqual(Object.keys(dependencies), ["srvx", "ws"]);
    const { packages } = readJson("package-lock.json") as {
      readonly packages: Readonly<Record<string, { readonly integrity?: string; readonly dependencies?: object }>>;
    };
    for (const name of ["srvx", "ws"]) {
      const { integrity, dependencies: theirs = {} } = packages[`node_modules/${name}`] ?? {};
      assert.match(integrity ?? "", /^sha512-/);
      assert.deepEqual(theirs, {}, name);
    }
    for (const name of ["preinstall", "install", "postinstall"]) assert.equal(scripts[name], undefined);
  });

  it("S33 is in a browser itself alone", () => {
    const parts = ["client/", "client-websocket/", "protocol/", "session/"];
    const sources = readSources().filter(({ path }) => parts.some((part) => path.startsWith(part)));
    assert.ok(sources.length > 40);
    const foreign = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/ from "([^."][^"]*)"/g)].map(([, name]) => `${path}: ${name}`),
    );
    assert.deepEqual(foreign, []);
  });
});

describe("S34 what a length tells", () => {
  it("S34 is that of the message: nothing is compressed by default, whatever a client would take", async (t) => {
    const accepts = { "Accept-Encoding": "gzip, deflate, br, zstd" };
    const { port } = await setSessions(t);
    for (const mode of ["stream", "poll"] as const) {
      const client = await connectRaw(port);
      client.write(post([attachRecord(1, { mode })], { fields: accepts }));
      assert.equal((await client.readHead()).header("content-encoding"), undefined);
    }
    const text = "secret=1 ".repeat(1000);
    const plain = await setServer(t, (request) =>
      withChannel(request, (channel) => void channel.send(text, { close: !channel.isWebSocket })),
    );
    const client = await connectRaw(plain.port);
    client.write("GET / HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip, br\r\n\r\n");
    const response = await client.readResponse();
    assert.deepEqual([response.header("content-encoding"), response.body.length], [undefined, text.length]);
    const socket = await openWebSocket(plain.port, "/", { extensions: "permessage-deflate" });
    const frame = await socket.nextFrame();
    assert.deepEqual([frame.rsv, frame.payload.length], [0, text.length]);
  });
});
