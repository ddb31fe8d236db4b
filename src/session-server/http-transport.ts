import type { ChannelKind } from "../channel/channel-kind.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import type { Attachment } from "../session/attachment.ts";
import type { Refusal } from "../session/refusal.ts";
import type { Item } from "./item.ts";
import type { Intake, ServerTransport } from "./server-transport.ts";

/** A series of requests that carries a session: its upstream is the same, however the downstream is made. */
export abstract class HttpTransport implements ServerTransport {
  #intake: Intake | undefined;

  abstract readonly kind: ChannelKind;
  abstract wake(): void;
  abstract write(record: ControlRecord): void;
  abstract detach(code: number, reason: string): void;
  abstract moveAfter(delayMs: number): void;
  protected abstract carried(attachment: Attachment<Item>): void;

  /** Where what its requests send goes; undefined when the session is closed already. */
  get intake(): Intake | undefined {
    return this.#intake;
  }

  carry(attachment: Attachment<Item>, intake: Intake | undefined): void {
    this.#intake = intake;
    this.carried(attachment);
  }

  turnAway({ code, reason }: Refusal): void {
    this.detach(code, reason);
  }
}
