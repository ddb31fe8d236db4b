import { toBytes } from "./bytes.ts";
import type { Parsed } from "./http-response.ts";

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export type FrameOptions = {
  fin?: boolean;
  /** The three reserved bits as one number: 4 is RSV1, 2 is RSV2, 1 is RSV3. */
  rsv?: number;
  /** true masks with a fixed key, so that a failing run can be repeated; false leaves the frame unmasked. */
  mask?: boolean | Uint8Array;
  /** The forms "16" and "64" also for lengths that must not use them. */
  lengthEncoding?: "minimal" | "16" | "64";
  /** The length that the header claims, when it is not the payload's. */
  declaredLength?: bigint;
};

export type Payload = string | Uint8Array;
export type Frame = {
  fin: boolean;
  rsv: number;
  opcode: number;
  masked: boolean;
  /** Unmasked. */
  payload: Buffer;
  /** Size of the header, which tells how the length was encoded: 2, 4 or 10, and 4 more when masked. */
  headerBytes: number;
  /** The whole frame as it stood on the wire. */
  bytes: Buffer;
};

const fixedMask = Buffer.of(0x37, 0xfa, 0x21, 0x3d);

/** Any client frame, the illegal ones included: nothing is checked. A string payload is UTF-8. */
export function frame(options: FrameOptions & { opcode: number; payload?: Payload }): Buffer {
  const { fin = true, rsv = 0, opcode, mask = true } = options;
  const payload = Buffer.from(options.payload ?? "");
  const length = encodeLength(options.declaredLength ?? BigInt(payload.length), options.lengthEncoding ?? "minimal");
  length[0] = (length[0] ?? 0) | (mask === false ? 0 : 0x80);
  const head = Buffer.of((fin ? 0x80 : 0) | (rsv << 4) | opcode);
  if (mask === false) return Buffer.concat([head, length, payload]);
  const key = mask === true ? fixedMask : toBytes(mask);
  return Buffer.concat([head, length, key, masked(payload, key)]);
}

function encodeLength(length: bigint, encoding: "minimal" | "16" | "64"): Buffer {
  if (encoding === "64" || (encoding === "minimal" && length > 0xffffn)) {
    const bytes = Buffer.alloc(9, 127);
    bytes.writeBigUInt64BE(length, 1);
    return bytes;
  }
  if (encoding === "minimal" && length < 126n) return Buffer.of(Number(length));
  const bytes = Buffer.alloc(3, 126);
  bytes.writeUInt16BE(Number(length), 1);
  return bytes;
}

function masked(payload: Buffer, key: Buffer): Buffer {
  const result = Buffer.from(payload);
  for (let i = 0; i < result.length; i++) result[i] = (result[i] ?? 0) ^ (key[i & 3] ?? 0);
  return result;
}

export function text(payload: Payload, options: FrameOptions = {}): Buffer {
  return frame({ ...options, opcode: opcodes.text, payload });
}

export function binary(payload: Payload, options: FrameOptions = {}): Buffer {
  return frame({ ...options, opcode: opcodes.binary, payload });
}

export function continuation(payload: Payload, options: FrameOptions = {}): Buffer {
  return frame({ ...options, opcode: opcodes.continuation, payload });
}

export function ping(payload: Payload = "", options: FrameOptions = {}): Buffer {
  return frame({ ...options, opcode: opcodes.ping, payload });
}

export function pong(payload: Payload = "", options: FrameOptions = {}): Buffer {
  return frame({ ...options, opcode: opcodes.pong, payload });
}

/** Without a code the payload is empty, whatever the reason. */
export function close(code?: number, reason: Payload = "", options: FrameOptions = {}): Buffer {
  return frame({ ...options, opcode: opcodes.close, payload: closePayload(code, reason) });
}

function closePayload(code?: number, reason: Payload = ""): Buffer {
  if (code === undefined) return Buffer.alloc(0);
  return Buffer.concat([Buffer.of(code >> 8, code & 0xff), Buffer.from(reason)]);
}

/** The code is undefined for an empty payload; one of a single byte is no Close at all. */
export function parseClosePayload(payload: Buffer): { code: number | undefined; reason: string } {
  if (payload.length === 0) return { code: undefined, reason: "" };
  return { code: payload.readUInt16BE(0), reason: payload.toString("utf8", 2) };
}

/** The frame at the start of `bytes`, or undefined while it is unfinished. */
export function parseFrame(bytes: Buffer): Parsed<Frame> | undefined {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return undefined;
  const isMasked = second >= 0x80;
  const lengthBytes = { 126: 2, 127: 8 }[second & 0x7f] ?? 0;
  const headerBytes = 2 + lengthBytes + (isMasked ? 4 : 0);
  if (bytes.length < headerBytes) return undefined;
  const payloadBytes = lengthBytes === 0 ? second & 0x7f : parseInt(bytes.toString("hex", 2, 2 + lengthBytes), 16);
  const sizeBytes = headerBytes + payloadBytes;
  if (bytes.length < sizeBytes) return undefined;
  const wire = Buffer.from(bytes.subarray(0, sizeBytes));
  const body = wire.subarray(headerBytes);
  const payload = isMasked ? masked(body, wire.subarray(headerBytes - 4, headerBytes)) : body;
  const value = { fin: first >= 0x80, rsv: (first >> 4) & 7, opcode: first & 15, masked: isMasked };
  return { value: { ...value, payload, headerBytes, bytes: wire }, sizeBytes };
}

/** All whole frames, and the bytes of an unfinished one behind them. */
export function parseServerFrames(bytes: Buffer): { frames: Frame[]; rest: Buffer } {
  const frames: Frame[] = [];
  let rest = bytes;
  for (let next = parseFrame(rest); next !== undefined; next = parseFrame(rest)) {
    frames.push(next.value);
    rest = rest.subarray(next.sizeBytes);
  }
  return { frames, rest };
}
