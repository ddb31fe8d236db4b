import type { CloseName } from "./close-code.ts";
import type { ControlRecord } from "./control-record.ts";

/** What is wrong with something that a peer sent, as a sentence without its end. */
export type Fault = {
  readonly fault: string;
  /** The code of the end that it brings: `fault`, or `tooBig` for a message over the limit. */
  readonly name: Extract<CloseName, "fault" | "tooBig">;
};

/** Most bytes of a control record. Over it: a fault. The longest that there is, an attach with a token and subprotocols, has less than 14 000. */
export const maxControlBytes = 16_384;

/** Reads a control record. @returns undefined for one that is to be ignored */
export type DecodeControl = (text: string) => ControlRecord | Fault | undefined;

/** A peer broke the protocol. */
export function faultOf(fault: string): Fault {
  return { fault, name: "fault" };
}

/** A control record as JSON text. */
export function encodeControl(record: ControlRecord): string {
  return JSON.stringify(record);
}
