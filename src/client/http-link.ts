import { lost } from "../protocol/close-code.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import { holdLimitMs } from "./crowd.ts";
import { type BodyPart, encodeRecord } from "./encode-record.ts";
import { createRequests } from "./http-request.ts";
import type { Link } from "./link.ts";

/** The next message goes in the next request: servers leave 32 KiB beside the largest message for all that stands before it. */
const fullBodyBytes = 24 * 1024;

/** Requests: what comes is one long response or that of a poll; what goes is sent by one request at a time. */
export function openHttp(link: Link): void {
  const { session } = link;
  /** Ends the requests of the present attach, of which there may be more than one over the same link. */
  let requests: AbortController | undefined;
  let isSending = false;
  let hasToSay = false;
  const request = createRequests(link);

  async function receive(signal: AbortSignal, attach: ControlRecord): Promise<void> {
    const isRefused = (await holdLimitMs(signal)) && link.mode === "stream";
    let failure = isRefused ? "too many tabs" : await request(signal, encodeRecord(attach), true);
    let poll = 0;
    const pollOnce = async (): Promise<string> =>
      request(signal, encodeRecord(session.poll(link, ++poll, await holdLimitMs())));
    while (!failure && link.mode === "poll" && session.carrier === link) {
      // One that failed is made again, with the next number: it may have arrived.
      failure = (await pollOnce()) && (await pollOnce());
    }
    if (!signal.aborted) link.detach(lost, failure || "response ended");
  }

  async function send(signal: AbortSignal): Promise<void> {
    // What is sent in one turn goes in one request.
    await Promise.resolve();
    while (session.carrier === link && !signal.aborted) {
      const first = link.nextOutgoing;
      const body: BodyPart[] = [];
      let bytes = 0;
      for (
        let item = session.next(link);
        item !== undefined;
        item = bytes < fullBodyBytes ? session.next(link) : undefined
      ) {
        const record = encodeRecord(item);
        body.push(...record);
        bytes += record[1].length;
      }
      if (body.length === 0 && !hasToSay) break;
      hasToSay = false;
      body.unshift(...encodeRecord({ type: "send", attach: link.attach, first, received: session.takeReceived() }));
      // One that failed is made again as it was. Most often a connection was closed that had been idle.
      const failure = (await request(signal, body)) && (await request(signal, body));
      if (failure && !signal.aborted) link.detach(lost, failure);
      // The server may have taken only a part.
      link.nextOutgoing = session.peerHas + 1;
    }
    if (!signal.aborted) isSending = false;
  }

  function wake(): void {
    if (!isSending && requests) void send(requests.signal);
    isSending = true;
  }

  link.write = (record) => {
    if (record.type === "attach") {
      requests?.abort();
      requests = new AbortController();
      isSending = false;
      void receive(requests.signal, record);
    } else {
      // An ack, a ping and a pong are all said by a request, be it without a message.
      hasToSay = true;
      wake();
    }
  };
  link.wake = wake;
  link.hangUp = () => requests?.abort();
  session.attach(link);
}
