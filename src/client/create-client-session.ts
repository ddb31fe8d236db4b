// oxlint-disable max-lines-per-function -- a closure in the place of a class: the bundler can shorten variables, not members
import { messageOverheadBytes } from "../channel/session-limits.ts";
import type { Message } from "../channel/message-type.ts";
import { fault, invitesBack, lost, silent, superseded, unknown } from "../protocol/close-code.ts";
import type { AttachedRecord, CloseRecord, ControlRecord } from "../protocol/control-record.ts";
import { isControl } from "../protocol/is-control.ts";
import type { SessionRecord } from "../protocol/record-codec.ts";
import { mostBytesPerUnit } from "../protocol/utf-8.ts";
import type { ClientEnd, ClientTransport, CreateClientSession } from "./client-session.ts";
import { ackBytes, ackDelayMs, ackMessageBytes } from "./costs.ts";

export const createClientSession: CreateClientSession = (limits, createTimer, newKey, events, protocols) => {
  /** What is sent and not acknowledged: the first has the number behind `peerHas`. */
  const queue: { readonly item: Message | CloseRecord; readonly bytes: number }[] = [];
  /** Those that wait for an answer. */
  const pending = new Set<ClientTransport>();
  let carrier: ClientTransport | undefined;
  let answer: AttachedRecord | undefined;
  let end: ClientEnd | undefined;
  let isOver = false;
  let key = newKey();
  let latestAttach = 0;
  /** The counts of the server did not fit. */
  let hasGap = false;
  let bufferedBytes = 0;
  let peerHas = 0;
  /** The highest number that was put on a transport, of which it is not known whether it arrived. */
  let written = 0;
  let received = 0;
  /** Of messages that came and are not acknowledged. */
  let unsaidBytes = 0;
  /** Of earlier sessions, until the next answer is adopted. */
  let uncertain = 0;
  /** The server ended the session before. */
  let wasClosed = false;
  const ackTimer = createTimer();
  const pingTimer = createTimer();
  const closeTimer = createTimer();

  function push(item: Message | CloseRecord, itemBytes: number): void {
    const bytes = itemBytes + messageOverheadBytes;
    queue.push({ item, bytes });
    bufferedBytes += bytes;
  }

  function forget(count: number): void {
    for (const forgotten of queue.splice(0, count)) bufferedBytes -= forgotten.bytes;
    peerHas += count;
  }

  function takeReceived(): number {
    unsaidBytes = 0;
    ackTimer();
    return received;
  }

  function acknowledge(): void {
    carrier?.write({ type: "ack", received: takeReceived() });
  }

  function acknowledged(number: number): void {
    if (number > written) fail(fault, `ack ${number}`);
    else if (number >= peerHas) {
      // None are new, if a new session was opened for what is closed already: nothing is to be said in that.
      forget(number - peerHas);
      if (end && !queue.length) finish(end, 1000);
      else events.acknowledged();
    }
  }

  /** Both ends count from the beginning. What may have arrived or not is forgotten. */
  function restart(): void {
    uncertain += written - peerHas;
    forget(written - peerHas);
    peerHas = written = received = 0;
  }

  function fail(code: number, reason: string): void {
    finish({ status: "abnormal", code, reason });
  }

  /** @param code - of the transports' end: 1000 if both sides know of it */
  function finish(ending: ClientEnd, code = ending.code): void {
    if (isOver) return;
    isOver = true;
    closeTimer();
    takeReceived();
    forget(queue.length);
    if (!end) {
      end = ending;
      events.closed(ending);
    }
    events.released(code, ending.reason, ending);
  }

  function lose(transport: ClientTransport): void {
    pending.delete(transport);
    if (transport !== carrier) return;
    carrier = undefined;
    pingTimer();
  }

  function attach(transport: ClientTransport): void {
    latestAttach += 1;
    transport.attach = latestAttach;
    // Until the answer it carries nothing: the server does not know what has this number yet.
    lose(transport);
    pending.add(transport);
    transport.attaching();
    transport.write({
      type: "attach",
      attach: latestAttach,
      received,
      // Closing, it must not open another session.
      key: end && answer ? undefined : key,
      ...(protocols && { protocols }),
      // Over HTTP a header field has them, too.
      session: answer?.session,
      secret: answer?.secret,
      mode: transport.mode,
      gap: hasGap || undefined,
    });
  }

  function answered(transport: ClientTransport, record: AttachedRecord): void {
    const isLatest = record.attach === latestAttach;
    // A late answer over a stream may have been held back by a proxy, as what follows would be.
    if (!isLatest && transport.mode === "stream" && pending.size > 1) return;
    // What answers nothing that was asked for is no reason to ask again.
    if (record.attach !== transport.attach || !pending.delete(transport)) return;
    if (isLatest && !record.resumed) restart();
    // Whether the server knows no less than it acknowledged, no more than was sent, and can send what comes next.
    const fits = record.received >= peerHas && record.received <= written && record.first <= received + 1;
    if (isLatest && fits) adopt(transport, record);
    else if (isLatest && hasGap) fail(fault, "gap");
    else {
      hasGap ||= isLatest;
      // This transport works. Whether a later attach arrived is not known: a new one over this settles it.
      supersede();
      transport.nextIncoming = 0;
      attach(transport);
    }
  }

  function adopt(transport: ClientTransport, record: AttachedRecord): void {
    answer = record;
    hasGap = false;
    key = newKey();
    if (carrier) pending.add(carrier);
    supersede();
    acknowledged(record.received);
    if (isOver) return;
    carrier = transport;
    transport.nextOutgoing = record.received + 1;
    transport.nextIncoming = record.first;
    heard(record);
    events.attached({ resumed: record.resumed, reason: wasClosed ? "closed" : record.reason, uncertain });
    uncertain = 0;
    wasClosed = false;
    transport.wake();
  }

  function supersede(): void {
    for (const transport of pending) {
      pending.delete(transport);
      transport.detach(superseded, "superseded");
    }
  }

  /** The server is there, and asked again after a silence. */
  function heard({ pingIntervalMs, pongTimeoutMs }: AttachedRecord): void {
    // The server pings first, so that a link that works carries one ping and not two; it is missed no later for that.
    const halfMs = pongTimeoutMs / 2;
    // 0: never, but whoever was asked has answered.
    pingTimer(pingIntervalMs + halfMs, pingIntervalMs > 0 && (() => probe(halfMs)));
  }

  function probe(timeoutMs: number): void {
    pingTimer(timeoutMs, () => carrier?.detach(silent, "silent"));
    carrier?.write({ type: "ping" });
  }

  function receive(transport: ClientTransport, record: SessionRecord): void {
    const counts = transport === carrier;
    if (counts && answer) heard(answer);
    if (isControl(record) && record.type !== "close") control(transport, record, counts);
    else if (counts && transport.nextIncoming++ > received) accept(transport, record);
  }

  /** Takes what is numbered. */
  function accept(transport: ClientTransport, record: Message | CloseRecord): void {
    received += 1;
    if (!isControl(record)) {
      if (!end) events.message(record);
      // Started by what comes, and not at fixed times: browsers slow down timers of pages that are not seen.
      if (!unsaidBytes && !isOver) ackTimer(ackDelayMs, acknowledge);
      unsaidBytes += ackMessageBytes + record.length * (typeof record === "string" ? mostBytesPerUnit : 1);
      if (unsaidBytes >= ackBytes) acknowledge();
      return;
    }
    const { code, reason } = record;
    // The other side waits for this: it keeps its last messages until then.
    acknowledge();
    if (end || !key || !invitesBack(code)) {
      finish({ status: "server-close", code, reason }, 1000);
      return;
    }
    restart();
    answer = undefined;
    wasClosed = true;
    transport.detach(1000, "");
    events.acknowledged();
  }

  function control(transport: ClientTransport, record: ControlRecord, counts: boolean): void {
    if (record.type === "attached") answered(transport, record);
    else if (record.type === "detach") {
      // Closing, it asked for this session and no other: the server has nothing to keep for it any more.
      if (record.code === unknown && end) finish(end, unknown);
      // That is about the attach before, if it asks again: a later one had carried the session meanwhile.
      if (record.code !== superseded || transport.nextIncoming) transport.detach(record.code, record.reason);
    } else if (counts && record.type === "ack") acknowledged(record.received);
    else if (counts && record.type === "goaway") events.goaway(record.afterMs);
    else if (counts && record.type === "ping") transport.write({ type: "pong" });
  }

  return {
    get carrier() {
      return carrier;
    },
    get answer() {
      return answer;
    },
    get isOpen() {
      return !end;
    },
    get bufferedBytes() {
      return bufferedBytes;
    },
    get unacknowledged() {
      return queue.length;
    },
    get peerHas() {
      return peerHas;
    },
    send(message, bytes) {
      const isFull =
        queue.length >= limits.maxQueuedMessages ||
        bufferedBytes + bytes + messageOverheadBytes > limits.maxQueuedBytes;
      if (end || (isFull && queue.length)) return false;
      push(message, bytes);
      carrier?.wake();
      return true;
    },
    close(code, reason) {
      if (end) return false;
      const ending: ClientEnd = { status: "client-close", code, reason };
      end = ending;
      // A server that never acknowledges the end is not waited for without end.
      closeTimer(limits.resumeWindowMs, () => finish(ending, lost));
      events.closed(end);
      push({ type: "close", code, reason }, 0);
      carrier?.wake();
      return true;
    },
    *items(transport) {
      for (;;) {
        const next = transport === carrier && queue[transport.nextOutgoing - peerHas - 1];
        if (!next) return;
        written = Math.max(written, transport.nextOutgoing++);
        yield next.item;
      }
    },
    poll(transport, poll, holdMs) {
      transport.nextIncoming = received + 1;
      return { type: "poll", attach: transport.attach, poll, received: takeReceived(), holdMs };
    },
    lose,
    fail,
    attach,
    receive,
    takeReceived,
    probe,
  };
};
