import { maxReasonBytes } from "../channel/status.ts";
import { isProtocolList, isProtocolName, maxProtocolLength, maxProtocols } from "./application-protocol.ts";
import type { CloseName } from "./close-code.ts";
import type { ControlRecord } from "./control-record.ts";
import { encodeUtf8 } from "./utf-8.ts";

/** What is wrong with something that a peer sent, as a sentence without its end. */
export type Fault = {
  readonly fault: string;
  /** The code of the end that it brings: `fault`, or `tooBig` for a message over the limit. */
  readonly name: Extract<CloseName, "fault" | "tooBig">;
};

/** Most bytes of a control record. Over it: a fault. The longest that there is, an attach with a token and subprotocols, has less than 14 000. */
export const maxControlBytes = 16_384;

/** Most characters of a token: proxies and servers take header lines of 8 KiB. */
const maxTokenLength = 8192;

type Rule = { readonly expected: string; readonly isOptional?: boolean; readonly test: (value: unknown) => boolean };
type FieldsOf<Type> = Required<Omit<Extract<ControlRecord, { type: Type }>, "type">>;
type Rules = { readonly [Type in ControlRecord["type"]]: { readonly [Name in keyof FieldsOf<Type>]: Rule } };

const atLeast = (lowest: number): Rule => ({
  expected: `an integer from ${lowest} to 2^53 - 1`,
  test: (value) => Number.isSafeInteger(value) && (value as number) >= lowest,
});
const matching = (pattern: RegExp): Rule => ({
  expected: `a string like ${pattern}`,
  test: (value) => typeof value === "string" && pattern.test(value),
});
const optional = (rule: Rule): Rule => ({ ...rule, isOptional: true });

const count = atLeast(0);
const ordinal = atLeast(1);
const flag: Rule = { expected: "true or false", test: (value) => typeof value === "boolean" };
const id = matching(/^[\w.~-]{16,128}$/);
// What may stand in a header field in one piece.
const token: Rule = {
  expected: `1 to ${maxTokenLength} visible ASCII characters`,
  test: (value) => typeof value === "string" && value.length <= maxTokenLength && /^[\x21-\x7e]+$/.test(value),
};
// RFC 6455 §7.4.1: these stand in no Close frame, which a code of the client may come to.
const reservedCodes: readonly unknown[] = [1004, 1005, 1006, 1015];
const code: Rule = {
  expected: "an integer from 1000 to 4999 that may stand in a Close frame",
  test: (value) =>
    Number.isInteger(value) && (value as number) >= 1000 && (value as number) <= 4999 && !reservedCodes.includes(value),
};
const reason: Rule = {
  expected: `a string of at most ${maxReasonBytes} bytes of UTF-8`,
  test: (value) => typeof value === "string" && encodeUtf8(value).length <= maxReasonBytes,
};
const protocol: Rule = { expected: `a token of at most ${maxProtocolLength} characters`, test: isProtocolName };
const protocols: Rule = {
  expected: `a list of 1 to ${maxProtocols} different tokens of at most ${maxProtocolLength} characters`,
  test: (value) => isProtocolList(value) && value.length > 0,
};

const rules: Rules = {
  attach: {
    attach: ordinal,
    received: count,
    key: optional(id),
    session: optional(id),
    secret: optional(id),
    token: optional(token),
    mode: optional(matching(/^(stream|poll)$/)),
    gap: optional(flag),
    protocols: optional(protocols),
  },
  attached: {
    attach: ordinal,
    session: id,
    secret: id,
    resumed: flag,
    reason: optional(matching(/^(expired|gap|denied|overflow)$/)),
    protocol: optional(protocol),
    received: count,
    first: ordinal,
    pingIntervalMs: count,
    pongTimeoutMs: ordinal,
    pollHoldMs: ordinal,
    resumeWindowMs: ordinal,
    maxMessageBytes: ordinal,
  },
  ack: { received: count },
  ping: {},
  pong: {},
  tick: {},
  empty: {},
  poll: { attach: ordinal, poll: ordinal, received: count, holdMs: optional(ordinal) },
  send: { attach: ordinal, first: ordinal, received: count },
  goaway: { afterMs: count },
  close: { code, reason },
  detach: { code, reason },
};

/** A peer broke the protocol. */
export function faultOf(fault: string): Fault {
  return { fault, name: "fault" };
}

/** A control record as JSON text. */
export function encodeControl(record: ControlRecord): string {
  return JSON.stringify(record);
}

/**
 * Reads a control record and checks each field that it has to have. Fields that are not known are left out.
 *
 * @returns undefined for a record of a type that is not known, which is to be ignored
 */
export function decodeControl(text: string): ControlRecord | Fault | undefined {
  const given = parseObject(text);
  const type = given?.["type"];
  if (given === undefined || typeof type !== "string") {
    return faultOf("a control record must be a JSON object with a string as its type");
  }
  if (!Object.hasOwn(rules, type)) return undefined;
  const record: Record<string, unknown> = { type };
  for (const [name, rule] of Object.entries<Rule>(rules[type as ControlRecord["type"]])) {
    const value = given[name];
    if (value === undefined && rule.isOptional === true) continue;
    if (!rule.test(value)) return faultOf(`${type}.${name} must be ${rule.expected}`);
    record[name] = value;
  }
  if ((record["session"] === undefined) !== (record["secret"] === undefined)) {
    return faultOf(`${type}.session and ${type}.secret must come together`);
  }
  return record as ControlRecord;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
