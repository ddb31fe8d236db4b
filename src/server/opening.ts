import { FastResponse } from "srvx/node";
import type { BaseChannel } from "../channel/base-channel.ts";
import { ChannelErrorOf, invalidArgument } from "../channel/errors.ts";
import { isThenable } from "../channel/mailbox.ts";
import { takeOptions } from "../channel/take-options.ts";
import type { HandshakeOptions } from "../websocket/handshake.ts";
import { type Opening, ServedRequest, type UseChannel } from "./served-request.ts";

const notGiven = "pass the request that the handler was given, once, before it is answered; a copy has no channel";
const handshakeOptionNames = ["protocol", "headers"] as const;
const byDefault: HandshakeOptions = {};

/** A response that stands for a channel: the server recognises it by identity and sends nothing of it. */
export function channelResponse(): Response {
  return new FastResponse(null);
}

/**
 * Takes the channel of a request: of a WebSocket if the client asks for one, else of the HTTP exchange.
 *
 * `use` is called before this returns. What it sends over a WebSocket follows the 101. Messages wait until it has set a
 * receive handler or, if it is asynchronous, is done; the end of the channel does not wait for it.
 *
 * When the client has left meanwhile, the channel is closed, and its close handler is called as soon as it is set.
 *
 * The handler must return this very response, not a copy. What the channel sends goes straight to the client: middleware
 * sees none of it.
 *
 * @param request - the very object that the handler was given
 * @param options - for the 101 of a WebSocket; an HTTP channel has its own head and ignores them
 * @throws ChannelError `CHANNEL_UNAVAILABLE` for a request that is not being served here, or whose channel is taken;
 *   `INVALID_ARGUMENT` for a subprotocol that the client does not offer or fields that may not stand in a 101
 */
export function withChannel(request: Request, use: UseChannel, options?: HandshakeOptions): Response {
  if (typeof use !== "function") throw invalidArgument("use", "a function that takes a channel", use);
  const taken = options === undefined ? byDefault : takeOptions("options", options, handshakeOptionNames);
  return takeOpening(request).take(use, taken);
}

/** Takes what makes the channel of a request. Throws `CHANNEL_UNAVAILABLE` if there is none. */
export function takeOpening(request: Request): Opening {
  const opening = ServedRequest.takeOpening(request);
  if (opening === undefined) throw channelUnavailable();
  return opening;
}

/** The error for a request that has no channel to give. */
export function channelUnavailable(reason: string = notGiven): ChannelErrorOf<"CHANNEL_UNAVAILABLE"> {
  return new ChannelErrorOf("CHANNEL_UNAVAILABLE", { reason });
}

/**
 * Hands a channel over. Throws what a synchronous `use` throws; an asynchronous one that rejects is reported, and its
 * channel fails.
 *
 * @param done - called when `use` is done
 */
export function runUse(use: UseChannel, channel: BaseChannel, done?: () => void): void {
  const result = use(channel);
  if (isThenable(result)) void settle(result, channel, done);
  else done?.();
}

async function settle(result: PromiseLike<unknown>, channel: BaseChannel, done?: () => void): Promise<void> {
  try {
    await result;
  } catch (cause) {
    channel.handlerFailed("use", cause);
    channel.fail();
    return;
  }
  done?.();
}
