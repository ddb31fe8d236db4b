import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { type Channel, isChannelError, MemoryChannelStore, type Server, serve, withChannel } from "../../src/index.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";

let server: Server | undefined;

afterEach(async () => {
  destroyOpenClients();
  await server?.stop({ timeoutMs: 0 });
  server = undefined;
});

/** Calls with what the types forbid, as a program in JavaScript can. */
function refused(call: () => unknown, received: RegExp): void {
  assert.throws(call, (error) => {
    assert(isChannelError(error));
    assert.equal(error.code, "INVALID_ARGUMENT");
    assert.match(error.message, received);
    return true;
  });
}

const wrong = (options: unknown): never => options as never;

test("Options of a send that are none throw, and the channel stays open [C23]", async () => {
  let calls = 0;
  server = await serve(
    (request) =>
      withChannel(request, (channel: Channel) => {
        refused(() => channel.send("a", wrong({ colse: false })), /object with "colse"/);
        refused(() => channel.send("a", wrong(true)), /only close, but it is true/);
        refused(() => channel.send("a", wrong(null)), /but it is null/);
        assert.equal(channel.isOpen, true);
        channel.send("fine");
        calls += 1;
      }),
    { port: 0 },
  );
  const client = await connectRaw(server.port);
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal((await client.readResponse()).text, "fine");
  assert.equal(calls, 1);
});

test("Options of withChannel and of a store that are none throw", async () => {
  const store = new MemoryChannelStore();
  server = await serve(
    (request) => {
      refused(() => withChannel(request, () => undefined, wrong({ protcol: "a" })), /object with "protcol"/);
      refused(() => withChannel(request, () => undefined, wrong(null)), /but it is null/);
      return withChannel(request, (channel) => {
        refused(() => store.add("group", channel, undefined, wrong({ sinse: 1 })), /object with "sinse"/);
        assert.equal(store.size("group"), 0);
        store.add("group", channel);
        refused(() => store.broadcast("group", "a", wrong({ closed: true })), /object with "closed"/);
        store.broadcast("group", "told");
      });
    },
    { port: 0 },
  );
  const client = await connectRaw(server.port);
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal((await client.readResponse()).text, "told");
  refused(() => new MemoryChannelStore(wrong({ histroy: true })), /object with "histroy"/);
  refused(() => new MemoryChannelStore(wrong(null)), /but it is null/);
  refused(() => new MemoryChannelStore(wrong({ history: null })), /history must be/);
  refused(() => new MemoryChannelStore(wrong({ history: [] })), /history must be/);
});

test("A store whose history is false keeps none", () => {
  assert.equal(new MemoryChannelStore({ history: false }).position("group"), undefined);
  assert.equal(new MemoryChannelStore({ history: true }).position("group")?.offset, 0);
});

test("Options in the place of the handler are told for what they are", () => {
  refused(
    () =>
      serve(
        wrong({ port: 0 }),
        wrong(() => new Response()),
      ),
    /handler must be a function/,
  );
});
