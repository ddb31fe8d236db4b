// oxlint-disable max-lines-per-function -- a closure in the place of a class: the bundler can shorten variables, not members
import { maxMessageBytes } from "../channel/client-limits.ts";
import { messageOverheadBytes } from "../channel/session-limits.ts";
import type { Message } from "../channel/message-type.ts";
import type { ClientSettings } from "../client/client-options.ts";
import type { ClientEnd } from "../client/client-session.ts";
import type { ClientStatus } from "../client/client-status.ts";
import { createTimer } from "../client/clock.ts";
import { createClientSession } from "../client/create-client-session.ts";
import { createLadder } from "../client/ladder.ts";
import { watchers, watchPlatform } from "../client/platform.ts";
import { randomKey } from "../client/random.ts";
import { lost, mayReturn, superseded, unknown } from "../protocol/close-code.ts";
import type { SocketEnd } from "./socket-arguments.ts";

/** RFC 6455 §7.4.1. */
const goingAway = 1001;
const tooBig = 1009;
/** What a WebSocket tells that was closed without a code: none goes over the wire. */
const noCode = 1005;

/** Attempts that may end by a race of their own transports, which a slow machine sees at times. */
const mostRaces = 3;

const full = "too much waits to be sent";

/** How a line ended. */
export type LineEnd = {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
  /** What went wrong, for people; undefined if nothing did. */
  readonly failure?: string;
};

/** What a line tells. */
export type LineEvents = {
  /** The server has answered, and chosen this subprotocol. */
  open(protocol: string): void;
  message(message: Message): void;
  /** Comes once, and nothing after it. */
  ended(end: LineEnd): void;
};

/** One session from its first attach to its end, which is final: what a WebSocket is to its user. */
export type Line = {
  /** Bytes of messages that the server has not acknowledged. */
  readonly bufferedBytes: number;
  /** Whether a message may be sent behind those that wait before the line; if not, the line ends. */
  hasRoom(bytes: number, waiting: { readonly bytes: number; readonly count: number }): boolean;
  /** Sends, or ends the line if there is no room. */
  send(message: Message, bytes: number): void;
  /** Closes behind all that was sent; `ended` tells when the server knows. */
  close(end: SocketEnd): void;
  /** Gives up. The server is told, as far as it can be reached. */
  fail(failure: string): void;
  /** Gives up before it was open. */
  abort(): void;
};

export function createLine(settings: ClientSettings, protocols: readonly string[], events: LineEvents): Line {
  /** One, and no other: a message of the old session must not get into a new one. */
  const keys = [randomKey()];
  let isDialled = false;
  let isOpened = false;
  let isEnded = false;
  let closing: { readonly code: number; readonly reason: string } | undefined;
  /** For the server, once it was lost. */
  const wait = createTimer();
  let isWaiting = false;

  function finish(end: LineEnd): void {
    if (isEnded) return;
    isEnded = true;
    events.ended(end);
  }

  function fail(failure: string, code: number = lost): void {
    if (isEnded) return;
    finish({ code, reason: "", wasClean: false, failure });
    leave(session.carrier !== undefined, code === lost ? goingAway : code);
  }

  /** @param hasServer - whether there is one to be told */
  function leave(hasServer: boolean, code: number): void {
    if (hasServer) session.close(code, "");
    else session.fail(code, "");
  }

  function bufferedBytes(): number {
    return session.bufferedBytes - messageOverheadBytes * session.unacknowledged;
  }

  /** Nothing carries the session. */
  function tell(status: ClientStatus): void {
    if (isEnded || closing !== undefined) return;
    if (isOpened) {
      if (!isWaiting) wait(settings.resumeWindowMs, () => fail("the server was not reached"));
      isWaiting = true;
    } else if (status.state === "waiting") {
      // It took the session from itself: a later attach arrived, and the answer to an earlier one came first.
      if (status.cause.startsWith(`${superseded} `) && status.attempt <= mostRaces) return;
      // Whoever has opened it decides whether to try again. Behind the turn in which the ladder sets its next attempt.
      queueMicrotask(() => fail(status.cause));
    }
  }

  function attached(resumed: boolean): void {
    ladder.attached();
    wait();
    isWaiting = false;
    if (isEnded) return;
    if (isOpened) {
      if (!resumed) fail("the session was lost");
      return;
    }
    const protocol = session.answer?.protocol;
    const isChosen = protocols.length === 0 ? protocol === undefined : protocols.includes(protocol ?? "");
    if (isChosen) {
      isOpened = true;
      events.open(protocol ?? "");
    } else fail(`the server chose ${String(protocol)} of ${protocols.join()}`);
  }

  function closed({ status, code, reason }: ClientEnd): void {
    if (status === "server-close") finish({ code, reason, wasClean: true });
    else if (status === "abnormal") {
      finish({ code: code === unknown ? lost : code, reason: "", wasClean: false, failure: `${code} ${reason}` });
    }
  }

  function released(code: number, reason: string, end: ClientEnd): void {
    wait();
    watchers.delete(ladder);
    ladder.stop(code, reason);
    if (closing === undefined) return;
    const wasClean = code === 1000;
    const told = end.status === "server-close" ? end : wasClean ? closing : { code: lost, reason: "" };
    finish({ code: told.code, reason: told.reason, wasClean });
  }

  const session = createClientSession(
    settings,
    createTimer,
    () => keys.pop(),
    {
      message(message) {
        if (!isEnded) events.message(message);
      },
      closed,
      acknowledged: () => undefined,
      attached: ({ resumed }) => attached(resumed),
      released,
      goaway(afterMs) {
        ladder.leave(afterMs);
      },
    },
    protocols.length > 0 ? protocols : undefined,
  );
  const ladder = createLadder(settings, session, tell, (code) => code !== unknown && mayReturn(code));
  watchPlatform(ladder);
  queueMicrotask(() => {
    if (isEnded) return;
    isDialled = true;
    ladder.wake();
  });

  return {
    get bufferedBytes() {
      return bufferedBytes();
    },
    hasRoom(bytes, waiting) {
      const { maxQueuedBytes, maxQueuedMessages } = settings;
      const most = session.answer?.maxMessageBytes ?? maxMessageBytes;
      const isFull = waiting.count >= maxQueuedMessages || bufferedBytes() + waiting.bytes + bytes > maxQueuedBytes;
      if (bytes > most) fail(`a message has ${bytes} bytes, at most ${most} are taken`, tooBig);
      else if (isFull && waiting.count > 0) fail(full);
      return !isEnded;
    },
    send(message, bytes) {
      if (!session.send(message, bytes)) fail(full);
    },
    close({ code, reason }) {
      closing = { code: code ?? noCode, reason };
      wait();
      session.close(code ?? 1000, reason);
    },
    fail,
    abort() {
      finish({ code: lost, reason: "", wasClean: false, failure: "closed before it was open" });
      // An attach that is on its way still opens a session, which is to be closed then.
      leave(isDialled, goingAway);
    },
  };
}
