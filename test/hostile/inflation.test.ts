import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { constants, deflateRawSync } from "node:zlib";
import { withChannel } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { deflateMessage } from "../support/deflate.ts";
import * as frames from "../support/frames.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { collectGarbage } from "../support/resources.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const offer = { extensions: "permessage-deflate" };
const mebibyte = 1024 * 1024;
/** A thousandth of its size on the wire. */
const bomb = deflateMessage(Buffer.alloc(1_000_000));

/** The most memory that this process ever had. */
const peakBytes = (): number => process.resourceUsage().maxRSS * 1024;

test("a megabyte of zeros from each of a hundred clients at once takes no memory to speak of, and closes them with 1009", async (t) => {
  const { port, errors } = await setServer(
    t,
    (request) => withChannel(request, (channel) => channel.onReceive(() => assert.fail("it got through"))),
    { compression: true },
  );
  const clients = await Promise.all(Array.from({ length: 100 }, () => openWebSocket(port, "/", offer)));
  await collectGarbage();
  const before = peakBytes();
  for (const client of clients) client.sendBinary(bomb, { rsv: 4 });
  for (const client of clients) await client.expectCloseAndEnd(1009);
  const growth = peakBytes() - before;
  assert.ok(growth < 32 * mebibyte, `memory grew by ${growth} bytes`);
  assert.equal(errors.length, 100);
  assert.ok(errors.every(({ message }) => message.includes("inflates to more than")));
});

test("the bound on inflation holds for a message in fragments, and lets through what is just below it", async (t) => {
  const { port } = await setServer(
    t,
    (request) => withChannel(request, (channel) => channel.onReceive((message) => channel.send(`${message.length}`))),
    { compression: true },
  );
  const client = await openWebSocket(port, "/", offer);
  // Up to 64 KiB any ratio is allowed.
  client.sendBinary(deflateMessage(Buffer.alloc(65_536)), { rsv: 4 });
  assert.equal(await client.nextMessage(), "65536");
  // A ratio of 90 for 900 000 bytes: noise between zeros.
  const dense = Buffer.alloc(900_000);
  for (let at = 0; at < dense.length; at += 120) dense[at] = (at * 2654435761) >>> 24;
  const payload = deflateMessage(dense);
  const ratio = dense.length / payload.length;
  assert.ok(ratio > 10 && ratio < 100, `${ratio}`);
  client.sendBinary(payload, { rsv: 4 });
  assert.equal(await client.nextMessage(), "900000");
  const half = bomb.length / 2;
  client.sendBinary(bomb.subarray(0, half), { rsv: 4, fin: false });
  client.send(frames.continuation(bomb.subarray(half)));
  await client.expectCloseAndEnd(1009);
});

test("maxMessageBytes bounds what is inflated, also where the ratio would allow more", async (t) => {
  const { port } = await setServer(
    t,
    (request) => withChannel(request, (channel) => channel.onReceive((message) => channel.send(`${message.length}`))),
    { compression: true, limits: { maxMessageBytes: 1000 } },
  );
  const client = await openWebSocket(port, "/", offer);
  client.sendBinary(deflateMessage(Buffer.alloc(1000)), { rsv: 4 });
  assert.equal(await client.nextMessage(), "1000");
  client.sendBinary(deflateMessage(Buffer.alloc(1001)), { rsv: 4 });
  await client.expectCloseAndEnd(1009);
});

test("inflating stops at maxMessageBytes: a message of 64 MiB whose ratio is allowed never takes so much memory", async (t) => {
  const { port, errors } = await setServer(
    t,
    (request) => withChannel(request, (channel) => channel.onReceive(() => assert.fail("it got through"))),
    { compression: true },
  );
  // Made of equal parts that do not refer to each other, so that this process never holds it inflated.
  const part = Buffer.alloc(mebibyte);
  for (let at = 0; at < part.length; at += 300) part[at] = (at * 2654435761) >>> 24;
  const deflatedPart = deflateRawSync(part, { finishFlush: constants.Z_FULL_FLUSH });
  const ratio = part.length / deflatedPart.length;
  assert.ok(ratio > 64 && ratio < 100, `${ratio}`);
  const payload = Buffer.concat(Array.from({ length: 64 }, () => deflatedPart));
  const client = await openWebSocket(port, "/", offer);
  await collectGarbage();
  const before = peakBytes();
  client.sendBinary(payload, { rsv: 4 });
  await client.expectCloseAndEnd(1009);
  const growth = peakBytes() - before;
  assert.ok(growth < 16 * mebibyte, `memory grew by ${growth} bytes`);
  assert.match(errors[0]?.message ?? "", /inflates to more than 1048576 bytes/);
});
