import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { inspect } from "node:util";
import type { ChannelError, Server } from "../../src/index.ts";
import { serve, withChannel } from "../../src/index.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";

guardAgainstUnhandled();

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
let server: Server;

afterEach(async () => {
  destroyOpenClients();
  await server.stop({ timeoutMs: 0 });
});

const refuse = (): never => {
  throw new Error("hidden");
};
const answer = { status: 200, headers: {} };
const values: readonly (readonly [string, () => unknown])[] = [
  ["a proxy that answers nothing", () => new Proxy({}, { get: refuse })],
  ["a proxy that was revoked", () => revoked()],
  ["an object whose constructor throws", () => Object.defineProperty({}, "constructor", { get: refuse })],
  ["an object of a class whose name is no text", () => new Nameless()],
  [
    "a response with a body that throws when it is looked at",
    () => ({ ...answer, body: new Proxy({}, { has: refuse }) }),
  ],
];

class Nameless {
  readonly value = 1;
  static readonly name = Symbol("no text");
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

for (const [what, make] of values) {
  test(`A handler that returns ${what} is a 500 like any other fault of it [C128, C134]`, async () => {
    const errors: ChannelError[] = [];
    server = await serve(() => make() as Response, { port: 0, onError: (error) => void errors.push(error) });
    const client = await connectRaw(server.port);
    client.write(get);
    const response = await client.readResponse();
    assert.equal(response.status, 500);
    assert.equal(errors.length, 1);
    client.write(get);
    assert.equal((await client.readResponse()).status, 500);
  });
}

for (const [what, onError] of [
  ["rejects", (): unknown => Promise.reject(new Error("the listener fails"))],
  ["throws what cannot be printed", (): unknown => throwUnprintable()],
] as const) {
  test(`An error listener that ${what} neither ends the process nor keeps the client waiting [C134]`, async (t) => {
    const printed = t.mock.method(console, "error", (value: unknown) => void inspect(value));
    server = await serve(() => throwUnprintable(), { port: 0, onError });
    const client = await connectRaw(server.port);
    client.write(get);
    assert.equal((await client.readResponse()).status, 500);
    assert.ok(printed.mock.callCount() >= 2);
  });
}

test("What a handler throws may be unprintable: the client gets its 500 without an error listener, too [C128]", async (t) => {
  const printed = t.mock.method(console, "error", (value: unknown) => void inspect(value));
  server = await serve(() => throwUnprintable(), { port: 0 });
  const client = await connectRaw(server.port);
  client.write(get);
  assert.equal((await client.readResponse()).status, 500);
  assert.match(String(printed.mock.calls.at(-1)?.arguments[0]), /request handler failed/);
});

function throwUnprintable(): never {
  throw Object.assign(new Error("hidden"), { [inspect.custom]: refuse });
}

test("An option that closes the channel when it is looked at lets nothing behind the Close frame [C41, C114]", async () => {
  const results: boolean[] = [];
  server = await serve(
    (request) =>
      withChannel(request, (channel) => {
        channel.onReceive(() => {
          const options = {
            get close(): boolean {
              channel.close();
              return false;
            },
          };
          results.push(channel.send("late", options));
        });
      }),
    { port: 0 },
  );
  const client = await openWebSocket(server.port);
  client.sendText("go");
  await client.expectClose(1000);
  await client.expectNothing(100);
  assert.deepEqual(results, [false]);
});

test("A closed channel refuses what throws when it is looked at like anything else [C15, C23]", async () => {
  const results: boolean[] = [];
  server = await serve(
    (request) =>
      withChannel(request, (channel) => {
        channel.close();
        for (const value of [revoked(), { body: revoked() }, Object.defineProperty({}, "body", { get: refuse })]) {
          results.push(channel.send(value as string));
        }
      }),
    { port: 0 },
  );
  const client = await connectRaw(server.port);
  client.write(get);
  await client.readResponse();
  assert.deepEqual(results, [false, false, false]);
});
