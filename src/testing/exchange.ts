import type { Direction, FaultOf } from "./fault.ts";
import type { HeldBytes } from "./held-bytes.ts";
import type { SeededRandom } from "./random.ts";
import type { ResponseHold } from "./response-hold.ts";

/** Strikes once so many bytes have passed. */
type Trigger = { readonly direction: Direction; remainingBytes: number; readonly strike: () => void };
type Delay = { readonly fault: FaultOf<"delay">; readonly random: SeededRandom };

/** What is done to the bytes of one exchange. */
export class Effects {
  readonly delays: Delay[] = [];
  readonly splits: FaultOf<"split">[] = [];
  readonly triggers: Trigger[] = [];
  hold: ResponseHold | undefined;
  drop: FaultOf<"drop-response"> | undefined;

  /** How much later the bytes that come now arrive. */
  delayMs(direction: Direction): number {
    let totalMs = 0;
    for (const { fault, random } of this.delays) {
      if ((fault.direction ?? direction) === direction) totalMs += fault.delayMs + random.int(0, fault.jitterMs ?? 0);
    }
    return totalMs;
  }

  isSplit(direction: Direction): boolean {
    return this.splits.some((fault) => (fault.direction ?? direction) === direction);
  }

  /** How many bytes may pass until the next trigger strikes. */
  allowedBytes(direction: Direction): number {
    const ofDirection = this.triggers.filter((trigger) => trigger.direction === direction);
    return Math.min(Infinity, ...ofDirection.map(({ remainingBytes }) => remainingBytes));
  }

  /** Counts bytes that pass. @returns the triggers that strike now */
  count(direction: Direction, sizeBytes: number): Trigger[] {
    const struck: Trigger[] = [];
    for (const trigger of this.triggers) {
      if (trigger.direction !== direction) continue;
      trigger.remainingBytes -= sizeBytes;
      if (trigger.remainingBytes === 0) struck.push(trigger);
    }
    for (const trigger of struck) this.triggers.splice(this.triggers.indexOf(trigger), 1);
    return struck;
  }
}

/** One request with its response; a WebSocket is one exchange, and so is all that is no HTTP. */
export class Exchange {
  /** Of its connection, from 1. */
  readonly number: number;
  readonly kind: "upgrade" | "request" | "raw";
  readonly method: string;
  /** Known from the head of the response on. */
  response: "stream" | "answer" | "tunnel" | undefined;
  effects: Effects = new Effects();
  /** The bytes of the request, if it is to be sent again. */
  copy: HeldBytes | undefined;
  upgradeFault: FaultOf<"refuse-upgrade" | "mute-upgrade" | "close-upgrade" | "strip-upgrade"> | undefined;

  constructor(number: number, kind: Exchange["kind"], method: string) {
    this.number = number;
    this.kind = kind;
    this.method = method;
  }

  /** Ends all effects. What is held back goes out. */
  clearEffects(): void {
    const { hold } = this.effects;
    this.effects = new Effects();
    hold?.release();
  }
}
