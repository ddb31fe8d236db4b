import assert from "node:assert/strict";
import { Socket } from "node:net";
import { afterEach, test, type TestContext } from "node:test";
import { type Channel, withChannel } from "../../src/index.ts";
import { setServer, type TestServer } from "../server/set-server.ts";
import { deflateMessage } from "../support/deflate.ts";
import { deferred, type Deferred, eventually } from "../support/expect.ts";
import * as frames from "../support/frames.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Random } from "../support/random.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const offer = { extensions: "permessage-deflate" };

function compressed(message: string | Uint8Array): Buffer {
  return frames.text(deflateMessage(message), { rsv: 4 });
}

type Stage = TestServer & { readonly log: Recorder; channel: Channel | undefined };

/** Each message goes to the handler, and into the log when the handler has begun with it. */
async function stage(t: TestContext, handle: (message: unknown) => void | Promise<void>, limits = {}): Promise<Stage> {
  const log = new Recorder();
  const opened: { channel: Channel | undefined } = { channel: undefined };
  const server = await setServer(
    t,
    (request) =>
      withChannel(request, (channel) => {
        opened.channel = channel;
        channel.onReceive((message) => {
          log.record("message", message);
          return handle(message);
        });
        channel.onPing((data) => log.record("ping", Buffer.from(data).toString()));
        channel.onClose(log.as("closed"));
      }),
    { compression: true, limits },
  );
  return Object.assign(opened, { ...server, log });
}

/** Lets each question for the time find that much more of it has passed, so that every turn is soon spent. */
function spendTurns(t: TestContext): void {
  let now = 0;
  t.mock.method(performance, "now", () => (now += 3));
}

const numbers = Array.from({ length: 30 }, (_, index) => `message ${index}`);

test("while messages wait for a slow handler none further is inflated, and what stands behind keeps its place [C111]", async (t) => {
  const turns: Deferred<void>[] = [];
  const { port, log } = await stage(
    t,
    () => {
      const turn = deferred();
      turns.push(turn);
      return turn.promise;
    },
    { maxQueuedMessages: 4 },
  );
  const client = await openWebSocket(port, "/", offer);
  client.send(...numbers.map(compressed), frames.ping("behind"), frames.close(1000));
  await log.waitFor("message");
  // The pong would come at once if the messages in front of the ping had been inflated.
  await client.expectNothing();
  for (let index = 0; index < numbers.length; index++) {
    await log.waitFor("message", { count: index + 1 });
    turns[index]?.resolve();
  }
  assert.equal((await client.nextFrame()).payload.toString(), "behind");
  await client.expectCloseAndEnd(1000);
  await log.waitFor("closed");
  assert.deepEqual(
    log.of("message").map(({ args: [message] }) => message),
    numbers,
  );
  assert.equal(log.of("closed")[0]?.args[0], "normal");
});

test("messages of one read are inflated over several turns when they take long, in order, and others get their turns", async (t) => {
  const { port, log } = await stage(t, () => void setImmediate(() => log.record("turn")));
  const client = await openWebSocket(port, "/", offer);
  spendTurns(t);
  client.send(
    ...numbers.flatMap((message, index) => [compressed(message), frames.ping(`${index}`)]),
    frames.close(1000),
  );
  client.client.end();
  await log.waitFor("closed");
  const order = log.entries.filter(({ event }) => event !== "turn").map(({ args: [first] }) => first);
  assert.deepEqual(order, [...numbers.flatMap((message, index) => [message, `${index}`]), "normal"]);
  const names = log.names();
  assert.ok(names.slice(0, names.lastIndexOf("message")).includes("turn"), "it was all done in one turn");
});

test("while a client is behind with its turns no more of it is read", async (t) => {
  const total = 5000;
  const { port, log } = await stage(t, () => undefined);
  const client = await openWebSocket(port, "/", offer);
  spendTurns(t);
  const message = frames.binary(deflateMessage(new Random(5).bytes(4096)), { rsv: 4 });
  client.send(Buffer.concat([...Array.from({ length: total }, () => message), frames.close(1000)]));
  await log.waitFor("message", { count: 300 });
  // 20 MB less what the two kernels and this process hold; if all were read, nothing would be left.
  const unsent = client.client.socket.writableLength;
  assert.ok(unsent > 8 * 1024 * 1024, `${unsent} bytes are not read yet`);
  await log.waitFor("closed", { timeoutMs: 20_000 });
  assert.equal(log.of("message").length, total);
  assert.equal(log.of("closed")[0]?.args[0], "normal");
});

test("a handler that has room again does not let more be read while the turns of what was read are spent [C111]", async (t) => {
  const { port, log } = await stage(t, () => new Promise<void>((resolve) => void setImmediate(resolve)), {
    maxQueuedMessages: 4,
  });
  const client = await openWebSocket(port, "/", offer);
  const { localPort } = client.client.socket;
  const handledAtResume: number[] = [];
  // oxlint-disable-next-line typescript/unbound-method -- it is called on the socket
  const { resume } = Socket.prototype;
  t.mock.method(Socket.prototype, "resume", function (this: Socket) {
    if (this.remotePort === localPort) handledAtResume.push(log.of("message").length);
    return resume.call(this);
  });
  spendTurns(t);
  client.send(Buffer.concat(numbers.map(compressed)));
  await log.waitFor("message", { count: numbers.length });
  await eventually(() => assert.notEqual(handledAtResume.length, 0));
  // At most as many wait for the handler as may; one is with it.
  assert.ok(Math.min(...handledAtResume) >= numbers.length - 5, `it was read on at ${handledAtResume.join(", ")}`);
});

test("a channel that closes in its handler gets no further message, and the client's answer behind them ends it [C112]", async (t) => {
  for (const limits of [{}, { maxQueuedMessages: 2 }]) {
    const turn = deferred();
    const stageOf = await stage(t, () => turn.promise, { ...limits, closeGraceMs: 1, closeTimeoutMs: 60_000 });
    const client = await openWebSocket(stageOf.port, "/", offer);
    client.send(...numbers.map(compressed), frames.close(1000));
    await stageOf.log.waitFor("message");
    stageOf.channel?.close(4000, "enough");
    turn.resolve();
    await client.expectCloseAndEnd(4000);
    await stageOf.log.waitFor("closed");
    assert.equal(stageOf.log.of("message").length, 1);
    assert.equal(stageOf.log.of("closed")[0]?.args[0], "server-close");
  }
});

test("a connection that is lost while its messages wait to be inflated is abnormal, and nothing of it remains", async (t) => {
  const turn = deferred();
  const { port, log, server } = await stage(t, () => turn.promise, { maxQueuedMessages: 2, closeGraceMs: 1 });
  const client = await openWebSocket(port, "/", offer);
  client.send(...numbers.map(compressed));
  await log.waitFor("message");
  client.client.reset();
  turn.resolve();
  await server.stop({ timeoutMs: 2000 });
  assert.equal(server.status, "stopped");
  assert.equal(log.of("closed").length, 1);
});

test("a handler that never finishes is given up on also when messages wait to be inflated [C111]", async (t) => {
  const limits = { maxQueuedMessages: 2, receiveStallTimeoutMs: 50, closeGraceMs: 1 };
  const { port, log } = await stage(t, () => new Promise<void>(() => undefined), limits);
  const client = await openWebSocket(port, "/", offer);
  client.send(...numbers.map(compressed), frames.close(1013));
  await client.expectCloseAndEnd(1013);
  await log.waitFor("closed");
  assert.equal(log.of("closed")[0]?.args[0], "overflow");
});
