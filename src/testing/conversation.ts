import { applyFault } from "./apply-fault.ts";
import { Exchange } from "./exchange.ts";
import type { FaultPlan } from "./fault-plan.ts";
import {
  isInterim,
  isUpgrade,
  refusal,
  requestFraming,
  responseFraming,
  statusOf,
  withoutUpgrade,
} from "./http-framing.ts";
import { type Framing, type Head, HttpScanner } from "./http-scanner.ts";
import type { Link } from "./link.ts";
import { sendAgain } from "./send-again.ts";

/** What is said on one connection: pairs requests and responses, and does to them what the plan says. */
export class Conversation {
  readonly requests: HttpScanner;
  readonly responses: HttpScanner;
  readonly #link: Link;
  /** Those whose response is not complete, in order. */
  readonly #open: Exchange[] = [];
  /** To which the bytes of the client belong. */
  #asking: Exchange = new Exchange(0, "raw", "");
  #count = 0;
  #isInterim = false;

  constructor(link: Link) {
    this.#link = link;
    this.requests = new HttpScanner({
      onHead: (head) => this.#requestHead(head),
      onBody: (bytes) => this.#ask(bytes),
      onEnd: () => this.#requestEnd(),
      onUnreadable: (reason) => {
        link.note("unreadable", `from the client: ${reason}`);
        this.#begin("raw", "", "bytes that are no HTTP");
      },
    });
    this.responses = new HttpScanner({
      onHead: (head) => this.#responseHead(head),
      onBody: (bytes) => this.#answer(bytes),
      onEnd: () => this.#responseEnd(),
      onUnreadable: (reason) => link.note("unreadable", `from the server: ${reason}`, this.#answered),
    });
  }

  /** Applies the plan that is in force to the exchanges under way, in place of the former one. */
  setFaults(): void {
    for (const exchange of this.#open) {
      exchange.clearEffects();
      this.#choose(exchange, "set");
    }
  }

  discard(): void {
    for (const exchange of this.#open) exchange.effects.hold?.discard();
  }

  /** To which the bytes of the server belong. */
  get #answered(): Exchange {
    return this.#open[0] ?? this.#asking;
  }

  #begin(kind: Exchange["kind"], method: string, detail: string): Exchange {
    this.#count += 1;
    const exchange = new Exchange(this.#count, kind, method);
    this.#asking = exchange;
    this.#open.push(exchange);
    this.#link.note("request", detail, exchange);
    this.#choose(exchange, "request");
    return exchange;
  }

  #choose(exchange: Exchange, moment: Parameters<FaultPlan["chooseForExchange"]>[2]): void {
    const { context, number } = this.#link;
    for (const chosen of context.plan().chooseForExchange(number, exchange, moment)) {
      if (!this.#link.isOver) applyFault(chosen, exchange, this.#link);
    }
  }

  #requestHead(head: Head): Framing {
    const [method = ""] = head.startLine.split(" ", 1);
    const exchange = this.#begin(isUpgrade(head) ? "upgrade" : "request", method, head.startLine);
    const fault = exchange.upgradeFault;
    if (fault?.type === "refuse-upgrade") this.#refuse(exchange, fault.status ?? 502);
    this.#ask(fault?.type === "strip-upgrade" ? withoutUpgrade(head) : head.bytes);
    return exchange.kind === "upgrade" && fault?.type !== "strip-upgrade" ? "tunnel" : requestFraming(head);
  }

  #refuse(exchange: Exchange, status: number): void {
    this.#link.note("strike", `answered ${status} in place of the server`, exchange);
    this.#link.toClient.push(refusal(status), exchange);
    this.#link.toClient.end("fin");
    this.#link.toServer.end("fin");
  }

  #ask(bytes: Buffer): void {
    const exchange = this.#asking;
    if (exchange.copy !== undefined && !exchange.copy.add(bytes)) {
      exchange.copy = undefined;
      return this.#overflow("a request that is to be sent again", exchange);
    }
    this.#link.toServer.push(bytes, exchange);
  }

  #requestEnd(): void {
    const exchange = this.#asking;
    if (exchange.copy === undefined) return;
    const { target, keepCopy } = this.#link.context;
    const request = exchange.copy.take();
    this.#link.note("strike", "the request is sent again", exchange);
    keepCopy(
      sendAgain(target, request, exchange.method, (outcome) => {
        this.#link.note("response", `to the request that was sent again: ${outcome}`, exchange);
      }),
    );
  }

  #responseHead(head: Head): Framing {
    const exchange = this.#answered;
    const status = statusOf(head);
    const framing = responseFraming(head, exchange.method);
    this.#isInterim = isInterim(status);
    if (!this.#isInterim) {
      this.#link.note("response", head.startLine, exchange);
      exchange.response = nameResponse(framing);
      if (framing === "tunnel") this.#setTriggerBehind(head, exchange);
      else {
        if (exchange.kind === "upgrade") this.requests.leaveTunnel();
        this.#choose(exchange, "response");
      }
    }
    this.#answer(head.bytes);
    return framing;
  }

  /** What is to happen right behind the 101. */
  #setTriggerBehind(head: Head, exchange: Exchange): void {
    const fault = exchange.upgradeFault;
    if (fault?.type !== "mute-upgrade" && fault?.type !== "close-upgrade") return;
    const strike = (): void => {
      this.#link.note("strike", fault.type, exchange);
      if (fault.type === "mute-upgrade") this.#link.freeze();
      else this.#link.cut(fault.how ?? "fin");
    };
    exchange.effects.triggers.push({ direction: "to-client", remainingBytes: head.bytes.length, strike });
  }

  #answer(bytes: Buffer): void {
    const exchange = this.#answered;
    const { drop, hold } = exchange.effects;
    if (drop !== undefined) return;
    if (hold === undefined) this.#link.toClient.push(bytes, exchange);
    else if (!hold.add(bytes)) this.#overflow("a response that is held back", exchange);
  }

  #responseEnd(): void {
    if (this.#isInterim) return;
    const exchange = this.#open.shift();
    if (exchange === undefined) return;
    const { drop, hold } = exchange.effects;
    hold?.release();
    if (drop === undefined) return;
    this.#link.note("strike", "the response was dropped", exchange);
    // The server has said all: a reset would tell it that something was lost.
    this.#link.cut(drop.how ?? "reset", "fin");
  }

  #overflow(what: string, exchange: Exchange): void {
    const { maxHeldBytes } = this.#link.context;
    this.#link.note("limit", `${what} has more than ${maxHeldBytes} bytes: the connection is cut`, exchange);
    this.#link.cut("reset");
  }
}

function nameResponse(framing: Framing): Exchange["response"] {
  if (framing === "tunnel") return "tunnel";
  return typeof framing === "number" ? "answer" : "stream";
}
