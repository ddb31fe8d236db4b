import { binary, close, ping, text } from "../support/frames.ts";
import { handshakeRequest } from "../support/handshake.ts";
import type { Random } from "../support/random.ts";

const methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY"];
const targets = ["/echo", "/park", "/stream", "/echo?a=b", "/park/%20", "http://a/echo", "*"];

/** What one hostile connection sends. */
export function malformedInput(random: Random): Buffer {
  const kinds = [
    () => random.bytes(random.int(1, 17 * 1024)),
    () => validInput(random),
    () => overwritten(validInput(random), random, { count: 1, within: Infinity }),
    () => overwritten(validInput(random), random, { count: random.int(2, 9), within: 32 }),
    () => truncated(validInput(random), random),
    () => truncated(overwritten(validInput(random), random, { count: 1, within: Infinity }), random),
    () => Buffer.concat([validInput(random), overwritten(validInput(random), random, { count: 1, within: Infinity })]),
    () => Buffer.concat([validInput(random), random.bytes(random.int(1, 100))]),
  ];
  return random.pick(kinds)();
}

export function validInput(random: Random): Buffer {
  return random.chance(0.3) ? webSocketInput(random) : httpInput(random);
}

function httpInput(random: Random): Buffer {
  const fields = ["Host: a", ...(random.chance(0.5) ? ["Accept: */*", "Cookie: a=b; c=d"] : [])];
  if (random.chance(0.1)) fields.push("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAM");
  if (random.chance(0.1)) fields.push("Expect: 100-continue");
  let body: Buffer = Buffer.alloc(0);
  if (random.chance(0.3)) {
    body = random.bytes(random.int(0, 2000));
    fields.push(`Content-Length: ${body.length}`);
  } else if (random.chance(0.5)) {
    fields.push("Transfer-Encoding: chunked");
    body = chunked(random);
  }
  const head = [`${random.pick(methods)} ${random.pick(targets)} HTTP/1.1`, ...fields, "", ""].join("\r\n");
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}

function chunked(random: Random): Buffer {
  const pieces: Buffer[] = [];
  for (let count = random.int(0, 4); count > 0; count--) {
    const data = random.bytes(random.int(1, 500));
    pieces.push(
      Buffer.from(`${data.length.toString(16)}${random.chance(0.2) ? ";a=b" : ""}\r\n`),
      data,
      Buffer.from("\r\n"),
    );
  }
  return Buffer.concat([...pieces, Buffer.from(random.chance(0.2) ? "0\r\nX-Trailer: 1\r\n\r\n" : "0\r\n\r\n")]);
}

function webSocketInput(random: Random): Buffer {
  const frames = [
    () => text("message"),
    () => binary(random.bytes(random.int(0, 70_000))),
    () => text("frag", { fin: false }),
    () => ping("ping"),
    () => close(1000, "bye"),
    () => text("unmasked", { mask: false }),
    () => text("reserved", { rsv: random.int(1, 7) }),
    () => text(random.bytes(20)),
    () => binary("huge", { declaredLength: 2n ** 40n }),
    () => random.bytes(random.int(1, 200)),
  ];
  const sent = Array.from({ length: random.int(0, 5) }, () => random.pick(frames)());
  return Buffer.concat([Buffer.from(handshakeRequest({ path: "/socket" })), ...sent]);
}

function overwritten(bytes: Buffer, random: Random, { count, within }: { count: number; within: number }): Buffer {
  const copy = Buffer.from(bytes);
  for (let left = count; left > 0; left--) copy[random.int(0, Math.min(within, copy.length) - 1)] = random.int(0, 255);
  return copy;
}

function truncated(bytes: Buffer, random: Random): Buffer {
  return bytes.subarray(0, random.int(1, bytes.length));
}
