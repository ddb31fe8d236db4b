import type { Message } from "../../src/channel/message-type.ts";
import type { ClientSession, ClientTransport } from "../../src/client/client-session.ts";
import type { AttachMode, CloseRecord } from "../../src/protocol/control-record.ts";
import type { SessionRecord } from "../../src/protocol/record-codec.ts";
import type { Transport } from "../../src/session/transport.ts";

/** What carries the session of a client, or may, in the place of a real transport. */
export class ClientAttachment implements ClientTransport {
  readonly mode: AttachMode | undefined;
  attach = 0;
  nextOutgoing = 1;
  nextIncoming = 1;
  readonly #session: ClientSession;
  readonly #transport: Transport;

  constructor(session: ClientSession, transport: Transport, mode?: AttachMode) {
    this.#session = session;
    this.#transport = transport;
    this.mode = mode;
  }

  wake(): void {
    this.#transport.wake();
  }

  write(...args: Parameters<Transport["write"]>): void {
    this.#transport.write(...args);
  }

  detach(code: number, reason: string): void {
    this.lost();
    this.#transport.detach(code, reason);
  }

  next(): Message | CloseRecord | undefined {
    for (const item of this.#session.items(this)) return item;
    return undefined;
  }

  attaching(): void {
    // Time passes when a test wants it to.
  }

  receive(record: SessionRecord): void {
    this.#session.receive(this, record);
  }

  lost(): void {
    this.#session.lose(this);
  }
}
