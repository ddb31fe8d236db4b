import type { ChannelKind } from "../channel/channel-kind.ts";
import { late, lost } from "../protocol/close-code.ts";
import { createTimer, now } from "./clock.ts";
import { openHttp } from "./http-link.ts";
import { type ClientSettings, modes } from "./client-options.ts";
import type { ClientSession } from "./client-session.ts";
import { type Link, noResponse } from "./link.ts";
import { openWebSocket } from "./websocket-link.ts";

/**
 * What is common to all transports: the time in which they have to answer, and their end.
 *
 * @param ended - comes once
 */
export function createLink(
  kind: ChannelKind,
  settings: ClientSettings,
  session: ClientSession,
  ended: (link: Link, code: number, cause: string) => void,
): Link {
  let isEnded = false;
  const timer = createTimer();
  // What it writes with comes with its start, and what it counts with its attach.
  const link = {
    kind,
    settings,
    session,
    mode: modes[kind],
    dialledAtMs: now(),
    start() {
      try {
        (link.mode ? openHttp : openWebSocket)(link);
      } catch (error) {
        // There is no WebSocket, or a page that came over HTTPS may open no plain one.
        link.detach(lost, String(error));
      }
    },
    attaching() {
      timer(settings.attachTimeoutMs, () => {
        if (session.carrier !== link) link.detach(late, noResponse);
      });
    },
    detach(code: number, reason: string) {
      if (isEnded) return;
      isEnded = true;
      timer();
      link.hangUp?.();
      session.lose(link);
      ended(link, code, reason);
    },
  } as Link;
  link.attaching();
  return link;
}
