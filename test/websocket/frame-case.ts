import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { close, parseServerFrames, text } from "../support/frames.ts";
import type { RawClient } from "../support/raw-client.ts";
import { openWebSocket } from "../support/websocket-client.ts";

/** One sequence of client bytes on a fresh WebSocket, and all that must come of it at a server that echoes. */
export type FrameCase = {
  /** What is guaranteed, as a sentence. */
  readonly name: string;
  /** The rule of the contract: `C105`. */
  readonly rule: string;
  /** Each element is one write. What ends the case is sent behind it; see {@link checkCase}. */
  readonly send: readonly Uint8Array[];
  /** Messages that reach the handler, in order. A string for text, bytes for binary. */
  readonly messages?: readonly (string | Buffer)[];
  /** The whole frames that come back before a Close, byte for byte. Default: the echo of each message. */
  readonly answers?: readonly Uint8Array[];
  /** The Close that comes back. Default: nothing is wrong, and the client closes with 1000. */
  readonly close?: { readonly code: number | undefined; readonly reason?: string };
  /** Of the limits in {@link limitsOf}. */
  readonly limits?: "default" | "small" | "large";
  /** Offered in the handshake. */
  readonly extensions?: string;
};

/** Cases that belong together. */
export type Section = { readonly title: string; readonly cases: readonly FrameCase[] };

export const limitsOf = {
  default: {},
  small: { maxMessageBytes: 100, maxFragments: 8 },
  large: { maxMessageBytes: 16 * 1024 * 1024, maxFragments: 100_000, maxBufferedBytes: 32 * 1024 * 1024 },
} as const;

/** What the server saw of one case. */
export type Observation = { readonly messages: readonly (string | Uint8Array)[]; readonly status: string };

/** A server that sends back every message. */
export type EchoServer = {
  readonly port: number;
  /** Resolves when the WebSocket that was opened at this path is closed. Undefined: this server tells nothing. */
  readonly observe?: (path: string) => Promise<Observation>;
};

/** How the bytes of a case are cut for the wire: each element whole, or a segment for each byte. */
export type Cutting = "whole" | "bytes";

/**
 * Runs a case and rejects when anything is different: a byte on the wire, a message, the status of the close handler.
 *
 * Where a Close is expected, a legal text frame follows, which must reach nobody. Otherwise the client closes, and the
 * answer to that is the proof that the connection still works and that nothing else was written.
 */
export async function checkCase(
  server: EchoServer,
  each: FrameCase,
  { cutting = "whole", timeoutMs = 10_000 }: { cutting?: Cutting; timeoutMs?: number } = {},
): Promise<void> {
  const path = `/${randomUUID()}`;
  const offer = each.extensions === undefined ? {} : { extensions: each.extensions };
  const { client } = await openWebSocket(server.port, path, { ...offer, connect: { timeoutMs: 10_000 } });
  try {
    await writeCut(client, [...each.send, each.close === undefined ? close(1000) : text("after the end")], cutting);
    const wire = await client.readToEnd({ timeoutMs });
    const expected = Buffer.concat([...answersOf(each), expectedClose(each)]);
    if (!wire.equals(expected)) assert.equal(showFrames(wire), showFrames(expected));
    if (server.observe === undefined) return;
    const { messages, status } = await server.observe(path);
    assert.deepEqual(messages.map(showMessage), (each.messages ?? []).map(showMessage));
    assert.equal(status, statusOf(each.close === undefined ? 1000 : each.close.code));
  } finally {
    client.destroy();
  }
}

async function writeCut(client: RawClient, parts: readonly Uint8Array[], cutting: Cutting): Promise<void> {
  if (cutting === "bytes") await client.writeByteByByte(Buffer.concat(parts));
  else for (const part of parts) client.write(part);
}

function answersOf({ answers, messages = [] }: FrameCase): readonly Uint8Array[] {
  return answers ?? messages.map(echo);
}

function expectedClose({ close: expected }: FrameCase): Buffer {
  return close(expected === undefined ? 1000 : expected.code, expected?.reason, { mask: false });
}

/** The frame that brings a message back: neither masked nor fragmented, its length in the shortest form. */
export function echo(message: string | Uint8Array): Buffer {
  return text(message, { mask: false }).fill(typeof message === "string" ? 0x81 : 0x82, 0, 1);
}

/** Written out here, so that the server's own table can be wrong. */
function statusOf(code: number | undefined): string {
  const names: Record<number, string> = {
    1000: "normal",
    1001: "going-away",
    1002: "protocol-error",
    1003: "unsupported",
    1007: "invalid-payload-data",
    1008: "policy-violation",
    1009: "message-too-big",
    1010: "mandatory-extension",
    1011: "internal-server-error",
  };
  return code === undefined ? "no-status-received" : (names[code] ?? "unknown");
}

function showFrames(bytes: Buffer): string {
  const { frames, rest } = parseServerFrames(bytes);
  const lines = frames.map(({ bytes: frame, headerBytes, payload }) => {
    const head = frame.subarray(0, headerBytes).toString("hex");
    return `${head} ${showMessage(payload)}`;
  });
  return [...lines, `and ${rest.toString("hex", 0, 100) || "nothing"}`].join("\n");
}

function showMessage(message: string | Uint8Array): string {
  if (typeof message === "string") return `text of ${message.length}: ${JSON.stringify(message.slice(0, 200))}`;
  return `${message.length} bytes: ${Buffer.from(message).toString("hex", 0, 200)}`;
}
