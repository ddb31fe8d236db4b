import assert from "node:assert/strict";
import { test } from "node:test";
import { closeCodes } from "../../src/protocol/close-code.ts";
import { protocolField } from "../../src/protocol/http-fields.ts";
import { attachRecord, isControl, SessionWebSocket } from "../session-server/session-client.ts";
import { messagesOf, setSessions } from "../session-server/set-sessions.ts";
import { eventually } from "../support/expect.ts";
import { opcodes, parseClosePayload, parseServerFrames } from "../support/frames.ts";
import { Random, roundsFromEnvironment, seedFromEnvironment } from "../support/random.ts";
import { connectRaw } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { faultyFrames, forbidden, mutatedBody } from "./session-faults.ts";

guardAgainstUnhandled();

const rounds = roundsFromEnvironment(1000);
const atOnce = 20;
const seed = seedFromEnvironment();
const hourMs = 3_600_000;
const limits = { resumeWindowMs: 200, pollHoldMs: 200, pongTimeoutMs: 200 };
const statuses = new Set([200, 400, 403, 410, 413, 415, 500, 503]);

const wholeName = "whatever comes behind a fault over a WebSocket is for no handler, and no other session is disturbed";

test(wholeName, { timeout: hourMs }, async (t) => {
  t.diagnostic(`CHANNELKIT_SEED=${seed}`);
  const random = new Random(seed);
  const { port, errors, log, sessions } = await setSessions(t, { limits });
  const bystander = await SessionWebSocket.open(port);
  await bystander.attach(attachRecord(1));
  for (let done = 0; done < rounds; done += atOnce) {
    await Promise.all(Array.from({ length: atOnce }, () => beFaulty(port, random)));
    bystander.send(`still here ${done}`);
    let heard = await bystander.next();
    while (isControl(heard)) heard = await bystander.next();
    assert.equal(heard, `still here ${done}`);
  }
  assert.ok(!messagesOf(log).includes(forbidden));
  await eventually(() => assert.equal(sessions.size, 1), { timeoutMs: 5000 });
  assert.deepEqual(new Set(errors.map(({ code }) => code)), new Set(["PEER_FAULT"]));
});

/** What is valid is answered, then there is one Close that says that the client did not keep to the protocol. */
async function beFaulty(port: number, random: Random): Promise<void> {
  const session = await SessionWebSocket.open(port);
  await session.attach(attachRecord(1));
  const { socket } = session;
  const { frames: sent, valid } = faultyFrames(random);
  const shown = `CHANNELKIT_SEED=${seed}, sent ${sent.toString("latin1").slice(0, 1000)}`;
  for (const slice of random.slices(sent, 100_000)) socket.send(slice);
  // Else the server would wait for the answer to its Close.
  socket.client.end();
  const { frames, rest } = parseServerFrames(await socket.client.readToEnd({ timeoutMs: 20_000 }));
  socket.client.destroy();
  assert.equal(rest.length, 0, shown);
  const echoed = frames.filter(({ payload }) => payload.toString() === "valid").length;
  assert.ok(!frames.some(({ payload }) => payload.toString() === forbidden), shown);
  const last = frames.at(-1);
  assert.equal(last?.opcode, opcodes.close, shown);
  const { code = 0 } = parseClosePayload(last?.payload ?? Buffer.alloc(0));
  assert.ok([closeCodes.fault, closeCodes.tooBig, 1002, 1007].includes(code), `${code}, ${shown}`);
  // A WebSocket that breaks RFC 6455 ends, and its session does not: it keeps what was not sent.
  if (code >= closeCodes.fault) assert.equal(echoed, valid, shown);
}

const bodyName = "whatever a body of records has become, it is answered, and what it opens is over in its time";

test(bodyName, { timeout: hourMs }, async (t) => {
  t.diagnostic(`CHANNELKIT_SEED=${seed}`);
  const random = new Random(seed);
  const { port, errors, sessions } = await setSessions(t, { limits });
  const worker = async (): Promise<void> => {
    for (let done = 0; done < rounds; done += atOnce) {
      const body = mutatedBody(random);
      const client = await connectRaw(port);
      client.write(`POST / HTTP/1.1\r\nHost: localhost\r\n${protocolField}: 1\r\n`);
      client.write(`Content-Type: application/octet-stream\r\nContent-Length: ${body.length}\r\n\r\n`);
      client.write(body);
      const { status } = await client.readHead({ timeoutMs: 20_000 });
      assert.ok(statuses.has(status), `${status}, CHANNELKIT_SEED=${seed}, sent ${body.toString("latin1")}`);
      // It may have become an attach of a stream, whose response has no end.
      client.destroy();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  await eventually(() => assert.equal(sessions.size, 0), { timeoutMs: 5000 });
  for (const { code } of errors) assert.equal(code, "PEER_FAULT");
});
