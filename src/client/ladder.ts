// oxlint-disable max-lines-per-function -- a closure in the place of a class: the bundler can shorten variables, not members
import type { ChannelKind } from "../channel/channel-kind.ts";
import { maxTimelineEntries, probeTimeoutMs } from "../channel/client-limits.ts";
import { fault, lost, mayReturn, silent, superseded } from "../protocol/close-code.ts";
import type { ClientSettings } from "./client-options.ts";
import type { ClientSession } from "./client-session.ts";
import type { ClientStatus, TimelineEntry } from "./client-status.ts";
import { createTimer, now } from "./clock.ts";
import { createLink } from "./create-link.ts";
import { createDowngrades } from "./downgrades.ts";
import type { Link } from "./link.ts";
import { randomFraction } from "./random.ts";

/** A transport that carried for so long worked: what comes then is no failure in a row. */
const healthyMs = 10_000;

/**
 * Which transport is dialled when.
 *
 * The best one first, and while it does not answer the next one beside it. The first to answer carries the session, and
 * those above it are tried again in the background.
 */
export type Ladder = {
  /** What carries the session, or is dialled. */
  readonly kind: ChannelKind;
  /** What was dialled, when, and why it was left: the latest entries. */
  readonly explain: () => readonly TimelineEntry[];
  /** Dials, or looks whether what carries the session still does; or lets go of all transports while the page is kept. */
  readonly wake: (isKept?: boolean) => void;
  stop(code: number, reason: string): void;
  /** Another transport carries the session from now on. */
  attached(): void;
  /** The server asks for another transport of the same kind, after this time. */
  leave(afterMs: number): void;
};

/** @param canReturn - whether there is a point in dialling again after a transport that ended with this code */
export function createLadder(
  settings: ClientSettings,
  session: ClientSession,
  tell: (status: ClientStatus) => void,
  canReturn: (code: number) => boolean = mayReturn,
): Ladder {
  const { transports } = settings;
  const [first, remember] = createDowngrades(settings);
  /** What is dialled or carries the session. */
  const links = new Set<Link>();
  const timeline: TimelineEntry[] = [];
  let carrier: Link | undefined;
  /** Which transport carries the session, counted from the best. None does: one more than there are. */
  let level = transports.length;
  /** The transport that is dialled next. */
  let next = first();
  let kind = transports[0] as ChannelKind;
  /** The number of what is dialled now, among those that failed in a row. 0: none, since what carried the session worked. */
  let attempt = 1;
  let climbMs = 0;
  /** What the last transport took to answer. */
  let answerMs = 0;
  /** 0: nothing has carried the session since the last wait. */
  let carriesSinceMs = 0;
  let isPaused = false;
  let lastCause = "";
  /** For what is to happen next: the next transport, the next attempt, or that to climb. */
  const later = createTimer();
  /** For when the server wants the client to have moved. */
  const leaving = createTimer();

  function note(noted: ChannelKind, event: TimelineEntry["event"], cause = ""): void {
    if (timeline.push({ atMs: Date.now(), kind: noted, event, cause }) > maxTimelineEntries) timeline.shift();
  }

  function dial(): void {
    next = first();
    dialNext();
  }

  function wake(isKept?: boolean): void {
    isPaused = false;
    if (isKept) stop(1000, "");
    else if (!links.size) dial();
    // The answer to a request says nothing of another one, which waits for what comes.
    else if (carrier?.mode) openBeside();
    else if (carrier) session.probe(probeTimeoutMs);
  }

  function stop(code: number, reason: string): void {
    isPaused = true;
    leaving();
    for (const link of links) link.detach(code, reason);
    // Behind that, since whoever is left lets the next one be dialled later.
    later();
  }

  function ended(link: Link, code: number, cause: string): void {
    links.delete(link);
    lastCause = `${code} ${cause}`;
    note(link.kind, "left", lastCause);
    if (link === carrier) {
      // One that ends as soon as it is there has failed, too: a server that closes each session, or a body too large for it.
      if (now() - carriesSinceMs > healthyMs) attempt = 0;
      // A stream that is held back works no better when it is dialled again.
      if (code === silent && link.mode === "stream") remember(level + 1);
      carrier = undefined;
      next = level = transports.length;
      if (links.size) {
        // Most often it ended because the server has got the attach of another one, whose answer is on its way.
        next = first();
        dialLater();
        return;
      }
    } else if (!carrier && code === superseded && links.size) {
      // Another one has answered an attach that was not the latest, and asks again: it gets as long as it took for that.
      for (const other of links) answerMs = now() - other.dialledAtMs;
      dialLater();
      return;
    }
    // Before there ever was an answer, most codes are those of what stands between, which another transport may pass.
    if (!session.carrier && !canReturn(code) && (code >= fault || session.answer)) session.fail(code, cause);
    // Not at once: it may have ended because another one is about to carry the session.
    queueMicrotask(goOn);
  }

  function goOn(): void {
    // One at a time is tried beside what carries the session.
    if (isPaused || (carrier && links.size > 1)) return;
    if (next < level) dialNext();
    else if (!links.size) wait();
    else if (carrier && level) climbLater();
  }

  function dialNext(): void {
    const nextKind = transports[next];
    later();
    if (!nextKind) return;
    next += 1;
    if (!carrier) {
      attempt ||= 1;
      kind = nextKind;
      dialLater();
      tell({ state: "connecting", kind, attempt });
    }
    open(nextKind);
  }

  /** Unless what is dialled already answers before. */
  function dialLater(): void {
    later(Math.max(settings.fallbackDelayMs, 2 * answerMs), dialNext);
  }

  function open(dialled = kind): void {
    const link = createLink(dialled, settings, session, ended);
    links.add(link);
    note(dialled, "dialled");
    link.start();
  }

  /** Whoever asks for it again and again does not get more than one beside what is tried anyway. */
  function openBeside(): void {
    if (links.size < 3) open();
  }

  function wait(): void {
    const isTried = !carriesSinceMs;
    if (isTried && first()) {
      // Whatever was remembered, it does not work either. Those that it left out belong to the attempt, too.
      remember(0);
      dial();
    } else if (attempt >= settings.maxAttempts || (isTried && !session.isOpen && session.unacknowledged === 1)) {
      // Nothing is left but to say that it is closed. It is tried once, and not at all where nobody knows of the session.
      session.fail(lost, lastCause);
    } else {
      // Full jitter: clients that lost their server together do not come back together.
      const retryInMs =
        Math.min(settings.maxReconnectDelayMs, settings.reconnectDelayMs * 2 ** (attempt - 1)) * randomFraction();
      tell({ state: "waiting", attempt, retryInMs, cause: lastCause });
      attempt += 1;
      carriesSinceMs = 0;
      later(retryInMs, dial);
    }
  }

  function climbLater(): void {
    climbMs = Math.min(2 * climbMs || settings.climbDelayMs, settings.downgradeMs);
    later(climbMs, () => {
      next = 0;
      dialNext();
    });
  }

  return {
    get kind() {
      return kind;
    },
    explain: () => [...timeline],
    wake,
    stop,
    attached() {
      // What carries a session is a link.
      carrier = session.carrier as Link;
      later();
      kind = carrier.kind;
      carriesSinceMs = now();
      answerMs = carriesSinceMs - carrier.dialledAtMs;
      next = level = transports.indexOf(kind);
      remember(level);
      if (!level) climbMs = 0;
      note(kind, "carries");
      goOn();
    },
    leave(afterMs) {
      leaving(afterMs, () => {
        // A poll that is made anew is another connection already, and one that went on would be late at the new one.
        if (carrier?.mode === "poll") session.attach(carrier);
        else openBeside();
      });
    },
  };
}
