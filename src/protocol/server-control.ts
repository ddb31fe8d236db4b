import type { ControlRecord } from "./control-record.ts";
import { type Fault, faultOf } from "./control-text.ts";

/** What a client takes, with a value of the type that each field has to have. */
const shapes: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  attached: {
    attach: 1,
    session: "",
    secret: "",
    resumed: true,
    received: 0,
    first: 1,
    pingIntervalMs: 0,
    pongTimeoutMs: 1,
    pollHoldMs: 1,
    maxMessageBytes: 1,
  },
  ack: { received: 0 },
  ping: {},
  pong: {},
  empty: {},
  goaway: { afterMs: 0 },
  close: { code: 1000, reason: "" },
  detach: { code: 1000, reason: "" },
};

/**
 * Reads a control record of the server. It is not checked as closely as one of a client: who is sent a false one by its
 * server can be sent anything.
 *
 * @returns undefined for a record of a type that is not known, which is to be ignored
 */
export function decodeServerControl(text: string): ControlRecord | Fault | undefined {
  try {
    const record = JSON.parse(text) as Record<string, unknown>;
    const shape = Object.entries(shapes[String(record["type"])] ?? { type: 0 });
    if (shape.some(([name, like]) => typeof record[name] !== typeof like || Number(record[name]) < 0)) return undefined;
    return record as ControlRecord;
  } catch {
    return faultOf("no JSON");
  }
}
