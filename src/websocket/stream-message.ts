import { invalidArgument } from "../channel/errors.ts";
import type { Limits } from "../channel/limits.ts";
import type { StreamSink } from "../channel/stream-body.ts";

/**
 * Makes one message of a stream: it is read whole first, because a frame tells its length before its payload.
 *
 * @param ready - resolves when all before it has left, or may wait no longer
 * @param complete - gets the message when all before it has left, so that the whole of it is accepted
 */
export function streamMessage(
  ready: () => Promise<void>,
  limits: Limits,
  complete: (message: Buffer) => void,
): StreamSink {
  const pieces: Buffer[] = [];
  let bytes = 0;
  return {
    piece: (piece) => {
      bytes += piece.length;
      const { maxBufferedBytes } = limits;
      if (bytes > maxBufferedBytes) {
        throw invalidArgument("a stream sent over a WebSocket", `at most ${maxBufferedBytes} bytes`, bytes);
      }
      // Its source may use the buffer again for the next one.
      pieces.push(Buffer.from(piece));
    },
    ready,
    end: () => complete(Buffer.concat(pieces, bytes)),
  };
}
