import type { IncomingMessage } from "node:http";
import { RequestBody } from "../http/request-body.ts";
import { checkTrailers, hasBody, type RequestFault } from "../http/request-rules.ts";
import { LightRequest } from "./light-messages.ts";

export type IntakeListener = {
  /** A piece of the body has come. */
  piece(): void;
  /** The request is whole, or known to be refused. */
  settled(): void;
};

/** One request as it arrives: its body, read to its end whatever becomes of it, and why it is refused if it is. */
export class RequestIntake {
  readonly #message: IncomingMessage;
  readonly #maxBodyBytes: number;
  readonly #listener: IntakeListener;
  #fault: RequestFault | undefined;
  #body: RequestBody | undefined;
  #isWhole = false;

  /** @param fault - what is wrong with its head */
  constructor(
    message: IncomingMessage,
    fault: RequestFault | undefined,
    maxBodyBytes: number,
    listener: IntakeListener,
  ) {
    this.#message = message;
    this.#fault = fault;
    this.#maxBodyBytes = maxBodyBytes;
    this.#listener = listener;
    if (hasBody(message) && !message.readableEnded) this.#read();
    else {
      this.#isWhole = true;
      if (message instanceof LightRequest) message.endWithoutBody();
    }
  }

  get fault(): RequestFault | undefined {
    return this.#fault;
  }

  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Whether a body is to come of which nothing is there yet. */
  get isAwaited(): boolean {
    return !this.#isWhole && this.#fault === undefined && this.#body?.length === 0;
  }

  /** The rest of the request cannot be read. @returns whether there was a rest */
  breakOff(fault: RequestFault): boolean {
    // Node knows before this does that the body is whole.
    if (this.#isWhole || this.#message.complete) return false;
    this.#fault ??= fault;
    this.#listener.settled();
    return true;
  }

  /** Hands the body over, and forgets it. */
  takeBody(): Buffer | undefined {
    const body = this.#body?.toBuffer();
    this.#body = undefined;
    return body;
  }

  #read(): void {
    const message = this.#message;
    this.#body = new RequestBody();
    message.on("data", (chunk: Buffer) => this.#take(chunk));
    message.on("end", () => {
      this.#fault ??= checkTrailers(message);
      this.#isWhole = true;
      this.#listener.settled();
    });
  }

  #take(chunk: Buffer): void {
    this.#listener.piece();
    const body = this.#body;
    // Behind a fault the rest is read and thrown away, so that the client can read the refusal.
    if (this.#fault !== undefined || body === undefined) return;
    if (body.length + chunk.length <= this.#maxBodyBytes) {
      body.append(chunk);
      return;
    }
    this.#body = undefined;
    this.#fault = { status: 413, rule: "the body is too long" };
    this.#listener.settled();
  }
}
