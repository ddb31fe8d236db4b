import { lost, tooBig } from "../protocol/close-code.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import { createTimer } from "./clock.ts";
import { holdLimitMs } from "./crowd.ts";
import { type BodyPart, encodeRecord } from "./encode-record.ts";
import { request } from "./http-request.ts";
import type { Link } from "./link.ts";

/** The next message goes in the next request: servers leave 32 KiB beside the largest message for all that stands before it. */
const fullBodyBytes = 20_000;

/** Requests: what comes is one long response or that of a poll; what goes is sent by one request at a time. */
export function openHttp(link: Link): void {
  const { session } = link;

  /** The requests of one attach, of which there may be more than one over the same link. */
  function begin(attach: ControlRecord): void {
    const requests = new AbortController();
    const { signal } = requests;
    const receiving = createTimer();
    const sending = createTimer();
    let isSending = false;
    let hasToSay = false;

    async function receive(): Promise<void> {
      const isRefused = (await holdLimitMs(signal)) && link.mode === "stream";
      let failure = isRefused ? "too many tabs" : await request(link, receiving, signal, encodeRecord(attach), true);
      let poll = 0;
      const pollOnce = async (): Promise<string> =>
        request(link, receiving, signal, encodeRecord(session.poll(link, ++poll, await holdLimitMs())));
      while (!failure && link.mode === "poll" && session.carrier === link) {
        // One that failed is made again, with the next number: it may have arrived.
        failure = (await pollOnce()) && (await pollOnce());
      }
      if (!signal.aborted) link.detach(lost, failure || "ended");
    }

    async function send(): Promise<void> {
      // What is sent in one turn goes in one request.
      await Promise.resolve();
      while (session.carrier === link && !signal.aborted) {
        const first = link.nextOutgoing;
        const body: BodyPart[] = [];
        let bytes = 0;
        for (const item of session.items(link)) {
          const record = encodeRecord(item);
          body.push(...record);
          bytes += record[1].length;
          if (bytes >= fullBodyBytes) break;
        }
        if (!body.length && !hasToSay) break;
        hasToSay = false;
        body.unshift(...encodeRecord({ type: "send", attach: link.attach, first, received: session.takeReceived() }));
        // One that failed is made again as it was. Most often a connection was closed that had been idle.
        const failure = (await request(link, sending, signal, body)) && (await request(link, sending, signal, body));
        // What is too large for something between the two is too large for it each time.
        if (failure && !signal.aborted) link.detach(failure.startsWith("status 413") ? tooBig : lost, failure);
        // The server may have taken only a part.
        link.nextOutgoing = session.peerHas + 1;
      }
      isSending = false;
    }

    // The response of a fetch that was aborted may never end, and its timer must.
    const stop = (): void => {
      requests.abort();
      receiving();
      sending();
    };
    link.hangUp = stop;
    link.wake = () => {
      if (!isSending) void send();
      isSending = true;
    };
    link.write = (record) => {
      if (record.type === "attach") {
        stop();
        begin(record);
      } else {
        // An ack, a ping and a pong are all said by a request, be it without a message.
        hasToSay = true;
        link.wake();
      }
    };
    void receive();
  }

  link.write = begin;
  session.attach(link);
}
