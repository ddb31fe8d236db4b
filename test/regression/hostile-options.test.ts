import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import {
  type Channel,
  createListeners,
  createSessions,
  isChannelError,
  MemoryChannelStore,
  serve,
  withChannel,
} from "../../src/index.ts";
import { get } from "../http/stage.ts";
import { setServer } from "../server/set-server.ts";
import { attachRecord, SessionRequester } from "../session-server/session-client.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const hidden = new Error("hidden");
const refuse = (): never => {
  throw hidden;
};

/** What cannot be looked at, each in a way of its own. */
const values: Readonly<Record<string, () => never>> = {
  "a proxy that was revoked": () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy as never;
  },
  "a proxy that throws for all": () => new Proxy({}, { get: refuse, getPrototypeOf: refuse, ownKeys: refuse }) as never,
  "a proxy of a list": () => new Proxy([], { get: refuse }) as never,
};

/** An option whose getter throws. */
function throwing(name: string): never {
  return Object.defineProperty({}, name, { get: refuse, enumerable: true }) as never;
}

function refused(call: () => unknown): void {
  assert.throws(call, (error) => {
    assert.ok(isChannelError(error), String(error));
    assert.equal(error.code, "INVALID_ARGUMENT");
    return true;
  });
}

const handler = (): Response => new Response();
const calls: Readonly<Record<string, { options: readonly string[]; call: (options: never) => unknown }>> = {
  serve: {
    options: ["allowedOrigins", "allowedHosts", "trustProxy", "serverHeader", "onError", "limits", "compression"],
    call: (options) => serve(handler, options),
  },
  "serve, of its own": { options: ["port", "hostname", "tls"], call: (options) => serve(handler, options) },
  createListeners: { options: ["allowedOrigins", "limits"], call: (options) => createListeners(handler, options) },
  createSessions: {
    options: ["authorize", "identify", "expiresAtMs", "limits", "onError"],
    call: (options) => createSessions(options),
  },
  MemoryChannelStore: { options: ["history", "format"], call: (options) => new MemoryChannelStore(options) },
};

for (const [name, { options, call }] of Object.entries(calls)) {
  describe(`what cannot be looked at is refused as an argument by ${name}`, () => {
    for (const [what, make] of Object.entries(values)) {
      it(`as ${what} in place of the options`, () => refused(() => call(make())));
    }
    for (const option of options) {
      it(`as a getter of ${option} that throws`, () => refused(() => call(throwing(option))));
      it(`as a proxy for ${option}`, () => refused(() => call({ [option]: values["a proxy of a list"]?.() } as never)));
    }
  });
}

describe("what cannot be looked at", () => {
  it("is refused by stop, which then stops", async () => {
    const server = await serve(handler, { port: 0 });
    refused(() => server.stop(throwing("timeoutMs")));
    assert.equal(await server.stop(), true);
  });

  it("is refused by withChannel, and the channel can still be taken [C23]", async (t) => {
    const { port } = await setServer(t, (request) => {
      for (const make of Object.values(values)) refused(() => withChannel(request, () => undefined, make()));
      refused(() => withChannel(request, () => undefined, throwing("headers")));
      return withChannel(request, (channel) => void channel.send("taken"));
    });
    const client = await connectRaw(port);
    client.write(get("/"));
    assert.equal((await client.readResponse()).text, "taken");
    const socket = await openWebSocket(port);
    assert.equal(await socket.nextMessage(), "taken");
  });

  it("is refused by a store in place of a channel, also as a proxy of a real one", async (t) => {
    const store = new MemoryChannelStore();
    const { port } = await setServer(t, (request) =>
      withChannel(request, (channel) => {
        const proxies: Channel[] = [new Proxy(channel, {}), new Proxy(channel, { getPrototypeOf: refuse })];
        for (const value of [...proxies, ...Object.values(values).map((make) => make())]) {
          refused(() => store.add("group", value));
          refused(() => store.remove("group", value));
        }
        assert.equal(store.size("group"), 0);
        store.add("group", channel);
        store.broadcast("group", "told");
      }),
    );
    const client = await connectRaw(port);
    client.write(get("/"));
    assert.equal((await client.readResponse()).text, "told");
  });

  it("is refused by accept, and the request can still be accepted", async (t) => {
    const sessions = createSessions();
    const { port } = await setServer(t, (request) => {
      for (const make of Object.values(values)) {
        refused(() => sessions.accept(request, () => undefined, make()));
        refused(() => sessions.accept(request, () => undefined, { protocols: make() }));
      }
      refused(() => sessions.accept(request, () => undefined, throwing("protocols")));
      return sessions.accept(request, () => undefined);
    });
    const http = await SessionRequester.connect(port);
    assert.equal((await http.ask([attachRecord(1, { mode: "poll" })])).status, 200);
  });
});
