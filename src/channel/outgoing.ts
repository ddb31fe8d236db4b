import { type Answer, type Data, isAnswer, isStream, type NormalBody, normaliseBody } from "./data.ts";

/** What a channel sends, brought into the form in which transports take it. */
export type Outgoing = {
  readonly status: number | undefined;
  readonly headers: Answer["headers"];
  readonly body: NormalBody;
};

/** Throws `INVALID_ARGUMENT` for what no transport can carry. */
export function normalise(data: Data): Outgoing {
  if (typeof data === "string") return { status: undefined, headers: undefined, body: data };
  if (!isAnswer(data)) return { status: undefined, headers: undefined, body: normaliseBody(data) };
  return { status: data.status, headers: data.headers, body: normaliseBody(data.body) };
}

/** The stream that a refused send would leave open. Never throws: a closed channel refuses anything alike. */
export function sourceOf(data: unknown): NormalBody {
  try {
    if (isStream(data)) return data;
    if (typeof data === "object" && data !== null && "body" in data && isStream(data.body)) return data.body;
  } catch {
    // A proxy, or a getter that throws: what cannot be looked at is not left open either.
    return undefined;
  }
  return undefined;
}
