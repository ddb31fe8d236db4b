import type { Exchange } from "./exchange.ts";
import type { ByteCount, Direction, Fault } from "./fault.ts";
import type { Chosen } from "./fault-plan.ts";
import { HeldBytes } from "./held-bytes.ts";
import type { SeededRandom } from "./random.ts";
import type { Link } from "./link.ts";
import { ResponseHold } from "./response-hold.ts";

/** The size of a few messages with their heads. */
const defaultCutBytes: ByteCount = { min: 1, max: 1024 };

/** Prepares what a fault does to an exchange, and writes it down. */
export function applyFault({ fault, random }: Chosen, exchange: Exchange, link: Link): void {
  const { effects } = exchange;
  switch (fault.type) {
    case "cut":
    case "half-open":
      return applyAfterBytes(fault, random, exchange, link);
    case "swallow-upgrade":
      note(fault, exchange, link);
      return link.freeze();
    case "delay":
      effects.delays.push({ fault, random });
      break;
    case "split":
      effects.splits.push(fault);
      break;
    case "hold-response":
      effects.hold ??= new ResponseHold(fault, link.context.maxHeldBytes, (lump) => {
        link.toClient.push(lump, exchange);
      });
      break;
    case "drop-response":
      effects.drop ??= fault;
      break;
    case "duplicate-request":
      exchange.copy ??= new HeldBytes(link.context.maxHeldBytes);
      break;
    case "refuse-upgrade":
    case "mute-upgrade":
    case "close-upgrade":
    case "strip-upgrade":
      exchange.upgradeFault ??= fault;
      break;
    case "refuse":
    case "offline":
      return; // Of connections, and of the whole proxy.
  }
  note(fault, exchange, link);
}

function applyAfterBytes(
  fault: Extract<Fault, { type: "cut" | "half-open" }>,
  random: SeededRandom,
  exchange: Exchange,
  link: Link,
): void {
  const { direction = "to-client", afterBytes = fault.type === "cut" ? defaultCutBytes : 0 } = fault;
  const remainingBytes = typeof afterBytes === "number" ? afterBytes : random.int(afterBytes.min, afterBytes.max);
  note({ ...fault, afterBytes: remainingBytes }, exchange, link);
  const strike = (): void => {
    link.note("strike", describeStrike(fault, remainingBytes, direction), exchange);
    if (fault.type === "cut") link.cut(fault.how ?? "reset");
    else link.freeze(fault.forMs);
  };
  if (remainingBytes === 0) strike();
  else exchange.effects.triggers.push({ direction, remainingBytes, strike });
}

function describeStrike({ type }: Fault, sizeBytes: number, direction: Direction): string {
  return `${type} after ${sizeBytes} bytes ${direction}`;
}

function note(fault: Fault, exchange: Exchange, link: Link): void {
  link.note("fault", JSON.stringify(fault), exchange);
}
