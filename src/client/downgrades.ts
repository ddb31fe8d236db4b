import type { ChannelKind } from "../channel/channel.ts";
import type { ClientSettings } from "./client-options.ts";
import { now } from "./clock.ts";

/** What is remembered of an origin: transports before this one did not work there. Another channel may have other ones. */
type Downgrade = { first: ChannelKind | undefined; untilMs: number };

/** Of each origin. In memory, so that a page that is loaded again begins anew. */
const downgrades = new Map<string, Downgrade>();
const maxDowngrades = 100;

/** Which transport is dialled first, for a limited time. */
export type Downgrades = {
  /** Which transport, counted from the best. */
  first(): number;
  /** Notes which transport is the first to work; behind the last one it begins with the best again. */
  remember(level: number): void;
};

export function createDowngrades({ url, transports, downgradeMs }: ClientSettings): Downgrades {
  const { origin } = new URL(url);
  const downgrade = downgrades.get(origin) ?? { first: undefined, untilMs: 0 };
  if (downgrades.size >= maxDowngrades) downgrades.clear();
  downgrades.set(origin, downgrade);
  const first = (): number =>
    downgrade.untilMs > now() ? Math.max(0, transports.indexOf(downgrade.first as ChannelKind)) : 0;
  return {
    first,
    remember(level) {
      // What works for longer is not remembered for longer: the best may work again.
      if (first() === 0) downgrade.untilMs = now() + downgradeMs;
      downgrade.first = level > 0 ? transports[level] : undefined;
    },
  };
}
