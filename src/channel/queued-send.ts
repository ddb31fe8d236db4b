import { isStream, type NormalBody } from "./data.ts";
import { bytesOf, ownText } from "./message.ts";
import type { Outgoing } from "./outgoing.ts";
import type { Payload } from "./payload.ts";

/** A send that stands in line behind a stream. */
export type QueuedSend = {
  readonly run: () => void;
  readonly body: NormalBody;
  /** What counts for its channel. */
  readonly bytes: number;
  /** What counts for all channels together, some of which keep the very same message. */
  readonly keptBytes: number;
};

/** @param transmit - no closure of the function that was given the text: V8 would keep all of that function's variables with it */
export function queuedSend(
  outgoing: Outgoing,
  transmit: (kept: Outgoing, close: boolean) => void,
  close: boolean,
): QueuedSend {
  const { body } = outgoing;
  const kept = typeof body === "string" ? { ...outgoing, body: ownText(body) } : outgoing;
  const bytes = body === undefined || isStream(body) ? 0 : bytesOf(body).length;
  return { run: () => transmit(kept, close), body: kept.body, bytes, keptBytes: bytes };
}

export function queuedShared(
  payload: Payload,
  transmit: (payload: Payload, close: boolean) => void,
  close: boolean,
): QueuedSend {
  const { message: body, byteLength: bytes, shareBytes: keptBytes } = payload;
  return { run: () => transmit(payload, close), body, bytes, keptBytes };
}
