import type { ChannelKind } from "../channel/channel.ts";
import type { Message } from "../channel/message-type.ts";
import { late } from "../protocol/close-code.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import type { Attachment } from "../session/attachment.ts";
import type { ClientSession } from "../session/client-session.ts";
import type { Transport } from "../session/transport.ts";
import type { ClientSettings } from "./client-options.ts";
import { clock } from "./clock.ts";

/** Not a code of a Close frame: a transport ended without one (RFC 6455 §7.1.5). */
export const lostCode = 1006;

/** What a link is given. */
export type LinkOptions = {
  readonly settings: ClientSettings;
  readonly session: ClientSession<Message>;
  /** Comes once. */
  readonly ended: (link: Link, code: number, cause: string) => void;
};

/** One transport that the client has dialled. */
export abstract class Link implements Transport {
  abstract readonly kind: ChannelKind;
  /** By {@link clock}. */
  readonly dialledAtMs: number = clock.now();
  protected readonly settings: ClientSettings;
  protected readonly session: ClientSession<Message>;
  protected attachment: Attachment<Message> | undefined;
  protected isEnded = false;
  readonly #ended: LinkOptions["ended"];
  readonly #cancel: () => void;

  constructor({ settings, session, ended }: LinkOptions) {
    this.settings = settings;
    this.session = session;
    this.#ended = ended;
    this.#cancel = clock.after(settings.attachTimeoutMs, () => {
      if (!this.isCarrying) this.detach(late, "no answer in time");
    });
  }

  abstract start(): void;
  abstract write(record: ControlRecord): void;
  abstract wake(): void;
  /** Lets go of everything: nothing may come any more. */
  protected abstract hangUp(code: number): void;

  /** Whether it carries the session. */
  get isCarrying(): boolean {
    return this.attachment !== undefined && this.session.attachment === this.attachment;
  }

  detach(code: number, reason: string): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.#cancel();
    this.hangUp(code);
    this.attachment?.lost();
    this.#ended(this, code, reason);
  }
}
