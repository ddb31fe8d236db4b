import type { Message } from "../channel/message-type.ts";
import { lost } from "../protocol/close-code.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import { encodeUtf8 } from "../protocol/utf-8.ts";
import { holdLimitMs } from "./crowd.ts";
import { type BodyPart, createRequests } from "./http-request.ts";
import type { Link, LinkOptions, Wire } from "./link.ts";

/** The next message goes in the next request: servers leave 32 KiB beside the largest message for all that stands before it. */
const fullBodyBytes = 24 * 1024;

/** Requests: what comes is one long response or that of a poll; what goes is sent by one request at a time. */
export function openHttp(link: Link, options: LinkOptions): Wire {
  const { session } = options;
  /** Ends the requests of the present attach, of which there may be more than one over the same link. */
  let requests = new AbortController();
  let isSending = false;
  let hasToSay = false;
  const request = createRequests(link, options);

  async function receive(signal: AbortSignal, attach: ControlRecord): Promise<void> {
    const isRefused = (await holdLimitMs(signal)) && link.mode === "stream";
    let failure = isRefused ? "too many tabs" : await request(signal, encode(attach), true);
    let poll = 0;
    const pollOnce = async (): Promise<string> =>
      request(signal, encode(session.poll(link, ++poll, await holdLimitMs())));
    while (!failure && link.mode === "poll" && session.carrier === link) {
      // One that failed is made again, with the next number: it may have arrived.
      failure = (await pollOnce()) && (await pollOnce());
    }
    if (!signal.aborted) link.detach(lost, failure || "the response ended");
  }

  async function send(signal: AbortSignal): Promise<void> {
    // What is sent in one turn goes in one request.
    await Promise.resolve();
    while (session.carrier === link && !signal.aborted) {
      const first = link.nextOutgoing;
      const body: BodyPart[] = [];
      for (let bytes = 0; bytes < fullBodyBytes;) {
        const item = session.next(link);
        if (item === undefined) break;
        const [head, payload] = encode(item);
        body.push(head, payload);
        bytes += payload.length;
      }
      if (body.length === 0 && !hasToSay) break;
      hasToSay = false;
      body.unshift(...encode({ type: "send", attach: link.attach, first, received: session.takeReceived() }));
      // One that failed is made again as it was. Most often a connection was closed that had been idle.
      const failure = (await request(signal, body)) && (await request(signal, body));
      if (failure && !signal.aborted) link.detach(lost, failure);
      // The server may have taken only a part.
      link.nextOutgoing = session.peerHas + 1;
    }
    if (!signal.aborted) isSending = false;
  }

  function wake(): void {
    if (!isSending) void send(requests.signal);
    isSending = true;
  }

  return {
    write(record) {
      if (record.type === "attach") {
        requests.abort();
        requests = new AbortController();
        isSending = false;
        const { session: _session, secret: _secret, ...attach } = record;
        void receive(requests.signal, attach);
      } else {
        // An ack, a ping and a pong are all said by a request, be it without a message.
        hasToSay = true;
        wake();
      }
    },
    wake,
    hangUp: () => requests.abort(),
  };
}

/** One record as it stands in a body: its header, and its payload. */
function encode(record: Message | ControlRecord): [string, Uint8Array<ArrayBuffer>] {
  const isText = typeof record === "string";
  const isBytes = record instanceof Uint8Array;
  const payload = isBytes ? record : encodeUtf8(isText ? record : JSON.stringify(record));
  return [`${isBytes ? "b" : isText ? "t" : "c"}${payload.length}:`, payload as Uint8Array<ArrayBuffer>];
}
