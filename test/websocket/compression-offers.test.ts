import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { withChannel } from "../../src/index.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients, type ResponseHead } from "../support/raw-client.ts";
import { cpuTimeMs } from "../support/resources.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { setServer, type TestServer } from "../server/set-server.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const agreedWithWindow = `${agreed}; server_max_window_bits=12`;

/** Each offer, and the answer to it; undefined declines it. */
const answered: readonly (readonly [offer: string, answer: string | undefined])[] = [
  ["permessage-deflate", agreed],
  // Chromium and Firefox, Safari, and ws.
  ["permessage-deflate; client_max_window_bits", agreed],
  ["permessage-deflate; client_no_context_takeover; server_no_context_takeover", agreed],
  ["permessage-deflate; client_max_window_bits=8", agreed],
  ["permessage-deflate; client_max_window_bits=15", agreed],
  ['permessage-deflate; client_max_window_bits="10"', agreed],
  ["permessage-deflate; server_max_window_bits=15", agreedWithWindow],
  ["permessage-deflate; server_max_window_bits=12", agreedWithWindow],
  ["permessage-deflate;server_max_window_bits=13;client_max_window_bits", agreedWithWindow],
  ["permessage-deflate; server_max_window_bits=11", undefined],
  ["permessage-deflate; server_max_window_bits=8", undefined],
  ["permessage-deflate; server_max_window_bits", undefined],
  ["permessage-deflate; server_max_window_bits=7", undefined],
  ["permessage-deflate; server_max_window_bits=16", undefined],
  ["permessage-deflate; server_max_window_bits=012", undefined],
  ["permessage-deflate; server_max_window_bits=0xf", undefined],
  ["permessage-deflate; client_max_window_bits=7", undefined],
  ["permessage-deflate; client_max_window_bits=1e1", undefined],
  ["permessage-deflate; client_no_context_takeover=true", undefined],
  ["permessage-deflate; server_no_context_takeover=1", undefined],
  ["permessage-deflate; client_max_window_bits; client_max_window_bits", undefined],
  ["permessage-deflate; server_max_window_bits=12; server_max_window_bits=15", undefined],
  ["permessage-deflate; no_such_parameter", undefined],
  ["permessage-deflate; __proto__=1", undefined],
  ["permessage-deflate; constructor", undefined],
  ["permessage-bzip2", undefined],
  ["__proto__", undefined],
  ["x-webkit-deflate-frame", undefined],
  ["permessage-bzip2, permessage-deflate", agreed],
  ["permessage-deflate; server_max_window_bits=9, permessage-deflate", agreed],
  ["permessage-deflate; what=1, permessage-deflate; server_max_window_bits=14", agreedWithWindow],
  ["permessage-deflate; server_max_window_bits=14, permessage-deflate", agreedWithWindow],
  ["", undefined],
  [`permessage-deflate${"; client_max_window_bits".repeat(60)}`, undefined],
  [`permessage-deflate, ${"x".repeat(1024)}`, undefined],
  [";".repeat(8000), undefined],
];

/** RFC 6455 §9.1: what is no list of extensions fails the handshake. */
const malformed: readonly string[] = [
  ",",
  ";",
  "permessage-deflate;",
  "permessage-deflate,",
  "permessage-deflate; =1",
  "permessage-deflate; client_max_window_bits=",
  'permessage-deflate; client_max_window_bits="',
  'permessage-deflate; client_max_window_bits="1 0"',
  "permessage deflate",
  "permessage-deflate; a b",
  "permessage-deflate=1",
  "permessage-deflate; client_max_window_bits=1\u00e9",
  ";".repeat(1000),
];

async function offer(port: number, extensions: string | readonly string[]): Promise<ResponseHead> {
  const client = await connectRaw(port);
  client.write(handshakeRequest({ headers: { "Sec-WebSocket-Extensions": extensions } }));
  return client.readHead();
}

const compressing = (t: Parameters<typeof setServer>[0]): Promise<TestServer> =>
  setServer(t, (request) => withChannel(request, () => undefined), { compression: true });

test("each offer to compress is met as RFC 7692 §7.1 allows, or declined and the WebSocket opens without", async (t) => {
  const { port, errors } = await compressing(t);
  for (const [offered, answer] of answered) {
    const head = await offer(port, offered);
    assert.equal(head.status, 101, offered);
    assert.equal(head.header("sec-websocket-extensions"), answer, offered);
  }
  assert.deepEqual(errors, []);
});

test("offers in several fields are one list", async (t) => {
  const { port } = await compressing(t);
  const head = await offer(port, ["permessage-deflate; server_max_window_bits=8", "permessage-deflate"]);
  assert.equal(head.header("sec-websocket-extensions"), agreed);
});

test("a field that is no list of extensions gets 400, and onError the reason", async (t) => {
  const { port, errors } = await compressing(t);
  for (const field of malformed) assert.equal((await offer(port, field)).status, 400, field);
  assert.equal(errors.length, malformed.length);
  for (const error of errors) {
    assert.equal(error.code, "PEER_FAULT");
    assert.match(error.message, /Sec-WebSocket-Extensions is no list of extensions/);
  }
});

test("a field that is no list of extensions is not looked at where nothing is compressed", async (t) => {
  const { port } = await setServer(t, (request) => withChannel(request, () => undefined), { compression: false });
  for (const field of malformed) {
    const head = await offer(port, field);
    assert.equal(head.status, 101, field);
    assert.equal(head.header("sec-websocket-extensions"), undefined, field);
  }
});

test("the longest field that is parsed takes no noticeable time", async (t) => {
  const { port } = await compressing(t);
  const name = "permessage-deflate";
  const field = `${name}${"; a".repeat(Math.floor((1024 - name.length) / 3))}`;
  assert.ok(field.length > 1020 && field.length <= 1024);
  await offer(port, field);
  const startMs = cpuTimeMs();
  for (let count = 0; count < 20; count++) await offer(port, field);
  // A connection and a handshake each; a search that goes back for each parameter would take much longer.
  assert.ok((cpuTimeMs() - startMs) / 20 < 20);
});

test("an application cannot answer the offer itself", async (t) => {
  const { port, errors } = await setServer(
    t,
    (request) => withChannel(request, () => undefined, { headers: { "Sec-WebSocket-Extensions": agreed } }),
    { compression: true },
  );
  assert.equal((await offer(port, "permessage-deflate")).status, 500);
  assert.equal(errors.length, 1);
});
