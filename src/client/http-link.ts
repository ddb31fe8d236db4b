import { silent } from "../protocol/close-code.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import { encodeCredentials, protocolField, protocolVersion, sessionField } from "../protocol/http-fields.ts";
import { encodeRecord, RecordDecoder } from "../protocol/record-codec.ts";
import { decodeServerControl } from "../protocol/server-control.ts";
import { clock } from "./clock.ts";
import { Link, type LinkOptions, lostCode } from "./link.ts";

/** PROTOCOL.md, Heartbeat: something comes over a stream every 15 s. Else a proxy holds it back, or it is dead. */
const streamSilenceMs = 20_000;
/** What a response may take beyond the time for which the server holds it. */
const slackMs = 10_000;
/** The next message goes in the next request: servers leave 32 KiB beside the largest message for all that stands before it. */
const fullBodyBytes = 24 * 1024;

/** Requests: what comes is one long response or that of a poll; what goes is sent by one request at a time. */
export class HttpLink extends Link {
  readonly kind: "http-streaming" | "long-polling";
  /** Ends the requests of the present attach, of which there may be more than one over the same link. */
  #requests = new AbortController();
  #isSending = false;
  #hasToSay = false;

  constructor(kind: "http-streaming" | "long-polling", options: LinkOptions) {
    super(options);
    this.kind = kind;
  }

  start(): void {
    this.attachment = this.session.attach(this, this.kind === "long-polling" ? "poll" : "stream");
  }

  write(record: ControlRecord): void {
    if (record.type !== "attach") {
      // An ack, a ping and a pong are all said by a request, be it without a message.
      this.#hasToSay = true;
      this.wake();
      return;
    }
    this.hangUp();
    this.#requests = new AbortController();
    this.#isSending = false;
    const { session: _session, secret: _secret, ...attach } = record;
    void this.#receive(this.#requests.signal, encodeRecord(attach));
  }

  wake(): void {
    if (this.#isSending) return;
    this.#isSending = true;
    void this.#send(this.#requests.signal);
  }

  protected hangUp(): void {
    this.#requests.abort();
  }

  async #receive(signal: AbortSignal, attach: Uint8Array): Promise<void> {
    let failure = await this.#request(signal, [attach], true);
    let failures = failure ? 2 : 0;
    const { attachment } = this;
    if (attachment === undefined) return;
    // A poll that failed is made again, with the next number: it may have arrived.
    for (let poll = 1; this.isCarrying && failures < 2 && this.kind === "long-polling"; poll += 1) {
      failure = await this.#request(signal, [encodeRecord(this.session.poll(attachment, poll))]);
      failures = failure ? failures + 1 : 0;
    }
    if (!signal.aborted) this.detach(lostCode, failure || "the response ended");
  }

  async #send(signal: AbortSignal): Promise<void> {
    // What is sent in one turn goes in one request.
    await Promise.resolve();
    const { attachment, session } = this;
    if (attachment === undefined) return;
    while (this.isCarrying && !signal.aborted) {
      const first = attachment.nextOutgoing;
      const items: Uint8Array[] = [];
      for (let bytes = 0; bytes < fullBodyBytes;) {
        const item = attachment.next();
        if (item === undefined) break;
        const record = encodeRecord(item);
        items.push(record);
        bytes += record.length;
      }
      if (items.length === 0 && !this.#hasToSay) break;
      this.#hasToSay = false;
      items.unshift(encodeRecord({ type: "send", attach: attachment.number, first, received: session.takeReceived() }));
      // One that failed is made again as it was. Most often a connection was closed that had been idle.
      const failure = (await this.#request(signal, items)) && (await this.#request(signal, items));
      if (failure && !signal.aborted) this.detach(lostCode, failure);
      // The server may have taken only a part.
      attachment.nextOutgoing = session.peerHas + 1;
    }
    if (!signal.aborted) this.#isSending = false;
  }

  /** One request. @returns why it failed; empty: it did not */
  async #request(signal: AbortSignal, body: readonly Uint8Array[], isAttach = false): Promise<string> {
    const { url, fetch, token, headers, credentials, maxReceivedBytes } = this.settings;
    const { answer } = this.session;
    const silenceMs = isAttach ? streamSilenceMs : (answer?.pollHoldMs ?? 0) + slackMs;
    let cancel: (() => void) | undefined;
    const stop = (): void => cancel?.();
    const heard = (): void => {
      stop();
      cancel = clock.after(silenceMs, () => this.detach(silent, "no response"));
    };
    // The response of a fetch that was aborted may never end.
    signal.addEventListener("abort", stop);
    try {
      heard();
      const bearer = isAttach && (await token?.());
      const response = await fetch(url, {
        method: "POST",
        body: new Blob(body as Uint8Array<ArrayBuffer>[]),
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
      const decoder = new RecordDecoder(
        maxReceivedBytes,
        (record) => {
          failure = "";
          if (!signal.aborted) this.attachment?.receive(record);
        },
        decodeServerControl,
      );
      const reader = response.body?.getReader();
      for (let chunk = await reader?.read(); chunk?.value; chunk = await reader?.read()) {
        if (!signal.aborted) heard();
        const fault = decoder.push(chunk.value as Uint8Array);
        if (fault !== undefined) return fault.fault;
      }
      return failure;
    } catch (error) {
      return String(error);
    } finally {
      stop();
    }
  }
}
