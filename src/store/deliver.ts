import type { BaseChannel } from "../channel/base-channel.ts";
import type { Payload } from "../channel/payload.ts";

/** Sends a member a message. @param close - undefined: a parked poll is closed by it, since one answer is all it takes */
export function deliver(channel: BaseChannel, payload: Payload, close: boolean | undefined): void {
  contain(channel, () =>
    channel.sendShared(payload, close ?? (channel.closesBySend && channel.kind === "long-polling")),
  );
}

/** Keeps what goes wrong for one member from all others. */
export function contain<Result>(channel: BaseChannel, run: () => Result): Result | undefined {
  try {
    return run();
  } catch (cause) {
    channel.handlerFailed("broadcast", cause);
    return undefined;
  }
}
