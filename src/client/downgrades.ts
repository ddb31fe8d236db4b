import type { ClientSettings } from "./client-options.ts";
import { now } from "./clock.ts";

/** What is remembered: transports before this one did not work. */
type Downgrade = { level?: number; untilMs?: number };

/** Of each origin and its transports. In memory, so that a page that is loaded again begins anew. */
const downgrades = new Map<string, Downgrade>();
const maxDowngrades = 100;

/** Which transport is dialled first, for a limited time. */
export type Downgrades = readonly [
  /** Which transport, counted from the best. */
  first: () => number,
  /** Notes which transport is the first to work; behind the last one it begins with the best again. */
  remember: (level: number) => void,
];

export function createDowngrades(settings: ClientSettings): Downgrades {
  const { transports } = settings;
  const key = new URL(settings.url).origin + transports.join();
  const downgrade = downgrades.get(key) ?? {};
  if (downgrades.size >= maxDowngrades) downgrades.clear();
  downgrades.set(key, downgrade);
  const first = (): number => ((downgrade.untilMs as number) > now() ? (downgrade.level as number) : 0);
  const remember = (level: number): void => {
    // What works for longer is not remembered for longer: the best may work again.
    if (!first()) downgrade.untilMs = now() + settings.downgradeMs;
    downgrade.level = level % transports.length;
  };
  return [first, remember];
}
