import { type ClientChannel, createChannel } from "./client-channel.ts";
import { type ConnectOptions, settle } from "./client-options.ts";

/**
 * Opens a channel to a server, over the best transport that works: WebSocket, an HTTP stream, or polls.
 *
 * It returns at once; what is sent meanwhile waits. A lost transport is replaced without end, and no message is lost or
 * doubled while the server resumes the session (`onStatus` tells).
 *
 * @param url - of the server's handler, http: or https:; in a page it may be relative
 * @throws ChannelError `INVALID_ARGUMENT` for an address or options that cannot be
 */
export function connect(url: string | URL, options: ConnectOptions = {}): ClientChannel {
  return createChannel(settle(url, options));
}
