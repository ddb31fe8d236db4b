import type { ChannelKind } from "../channel/channel.ts";
import { late, lost } from "../protocol/close-code.ts";
import { after, now } from "./clock.ts";
import { openHttp } from "./http-link.ts";
import type { Link, LinkOptions, Wire } from "./link.ts";
import { openWebSocket } from "./websocket-link.ts";

/** What is common to all transports: the time in which they have to answer, and their end. */
export function createLink(kind: ChannelKind, options: LinkOptions): Link {
  const { settings, session, ended } = options;
  let wire: Wire | undefined;
  let isEnded = false;
  const link: Link = {
    kind,
    mode: kind === "websocket" ? undefined : kind === "long-polling" ? "poll" : "stream",
    dialledAtMs: now(),
    attach: 0,
    nextOutgoing: 1,
    nextIncoming: 1,
    start() {
      try {
        wire = (link.mode ? openHttp : openWebSocket)(link, options);
        if (link.mode) session.attach(link);
      } catch (error) {
        // There is no WebSocket, or a page that came over HTTPS may open no plain one.
        link.detach(lost, String(error));
      }
    },
    write: (record) => wire?.write(record),
    wake: () => wire?.wake(),
    detach(code, reason) {
      if (isEnded) return;
      isEnded = true;
      cancel();
      wire?.hangUp(code);
      session.lose(link);
      ended(link, code, reason);
    },
  };
  const cancel = after(settings.attachTimeoutMs, () => {
    if (session.carrier !== link) link.detach(late, "no answer in time");
  });
  return link;
}
