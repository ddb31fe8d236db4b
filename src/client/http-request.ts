import { silent } from "../protocol/close-code.ts";
import { encodeCredentials, protocolField, protocolVersion, sessionField } from "../protocol/http-fields.ts";
import { after } from "./clock.ts";
import type { Link, LinkOptions } from "./link.ts";
import { createRecordReader } from "./record-reader.ts";

/** PROTOCOL.md, Heartbeat: something comes over a stream every 15 s. Else a proxy holds it back, or it is dead. */
const streamSilenceMs = 20_000;
/** What a response may take beyond the time for which the server holds it. */
const slackMs = 10_000;

/** Of records: their headers and payloads. */
export type BodyPart = string | Uint8Array<ArrayBuffer>;

/** One request. @returns why it failed; empty: it did not */
export type Request = (signal: AbortSignal, body: readonly BodyPart[], isAttach?: boolean) => Promise<string>;

export function createRequests(link: Link, { settings, session }: LinkOptions): Request {
  return async (signal, body, isAttach = false) => {
    const { fetch, token, headers, credentials } = settings;
    const { answer } = session;
    let cancel: (() => void) | undefined;
    const stop = (): void => cancel?.();
    const heard = (): void => {
      stop();
      const silenceMs = !isAttach && answer ? answer.pollHoldMs + slackMs : streamSilenceMs;
      cancel = after(silenceMs, () => link.detach(silent, "no response"));
    };
    // The response of a fetch that was aborted may never end.
    signal.addEventListener("abort", stop);
    try {
      heard();
      const bearer = isAttach && (await token?.());
      // Not called as a method of the settings, which one of a browser refuses.
      const response = await fetch(settings.url, {
        method: "POST",
        body: new Blob([...body]),
        headers: {
          ...(typeof headers === "function" ? await headers() : headers),
          "content-type": "application/octet-stream",
          [protocolField]: protocolVersion,
          ...(answer && { [sessionField]: encodeCredentials(answer) }),
          ...(bearer && { authorization: `Bearer ${bearer}` }),
        },
        credentials,
        // What the session is proved with is for this server and for no other.
        redirect: "error",
        signal,
      });
      let failure = `status ${response.status}`;
      const read = createRecordReader(settings.maxReceivedBytes, (record) => {
        failure = "";
        if (!signal.aborted) session.receive(link, record);
      });
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      for (;;) {
        const { value } = await reader.read();
        if (!value) return failure;
        if (!signal.aborted) heard();
        const fault = read(value);
        if (fault) return fault;
      }
    } catch (error) {
      return String(error);
    } finally {
      stop();
    }
  };
}
