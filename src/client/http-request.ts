import { silent } from "../protocol/close-code.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import { protocolField, protocolVersion, sessionField } from "../protocol/http-fields.ts";
import { lumpMs, secondTickMs, secondTickSlackMs } from "../protocol/stream-tick.ts";
import { now, type Timer } from "./clock.ts";
import type { BodyPart } from "./encode-record.ts";
import { type Link, noResponse } from "./link.ts";
import { createRecordReader } from "./record-reader.ts";

/** PROTOCOL.md, Heartbeat: something comes over a stream every 15 s. Else a proxy holds it back, or it is dead. */
const streamSilenceMs = 20_000;
/** What a response may take beyond the time for which the server holds it. */
const slackMs = 10_000;
const heldBack = "held back";

/**
 * Makes a request.
 *
 * @param signal - ends it
 * @returns why it failed; empty: it did not
 */
export async function request(
  link: Link,
  timer: Timer,
  signal: AbortSignal,
  body: BodyPart[],
  isAttach?: boolean,
): Promise<string> {
  const { settings, session, mode } = link;
  const { fetch, headers } = settings;
  const { answer } = session;
  let silenceMs = isAttach ? streamSilenceMs : (answer?.pollHoldMs as number) + slackMs;
  let failure = "";
  /** Of a stream whose second tick is waited for. */
  let answeredAtMs = 0;
  const heard = (): void => timer(silenceMs, () => link.detach(silent, answeredAtMs ? heldBack : noResponse));
  try {
    heard();
    const bearer = isAttach && (await settings.token());
    const fields = new Headers(typeof headers === "function" ? await headers() : headers);
    fields.set("content-type", "application/octet-stream");
    fields.set(protocolField, protocolVersion);
    if (answer) fields.set(sessionField, `${answer.session}.${answer.secret}`);
    if (bearer) fields.set("authorization", `Bearer ${bearer}`);
    // Not called as a method of the settings, which one of a browser refuses.
    const response = await fetch(settings.url, {
      method: "POST",
      body: new Blob(body),
      headers: fields,
      // Undefined is as good as its default, though the type does not say so.
      credentials: settings.credentials as NonNullable<typeof settings.credentials>,
      // What the session is proved with is for this server and for no other.
      redirect: "error",
      signal,
    });
    failure = `status ${response.status} `;
    const read = createRecordReader(link, (record) => {
      failure = "";
      if (signal.aborted) return;
      const { type } = record as Partial<ControlRecord>;
      // Whether a stream goes on is seen by when its second tick comes. Where there is nothing to leave it for, one in
      // lumps is better than none.
      if (type === "attached" && mode === "stream" && settings.transports.at(-1) !== link.kind) {
        answeredAtMs = now();
        silenceMs = secondTickMs + secondTickSlackMs + answeredAtMs - link.dialledAtMs;
      } else if (type === "tick" && answeredAtMs) {
        if (now() - answeredAtMs < lumpMs) link.detach(silent, heldBack);
        answeredAtMs = 0;
        silenceMs = streamSilenceMs;
      }
      session.receive(link, record);
    });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    for (;;) {
      const { value } = await reader.read();
      if (!value) return failure;
      read(value);
      // Behind it, since what has come may change how long the silence may be.
      if (!signal.aborted) heard();
    }
  } catch (error) {
    return failure + String(error);
  } finally {
    timer();
  }
}
