/** What a control record takes on its way beside its text: a frame or a header, and the escape. */
const overheadBytes = 16;

/**
 * Counts what is written without a number: acks and answers to pings, which the session does not bound. A client that
 * asks for them and reads nothing could have any number of them.
 *
 * @param counted - what this gave before
 * @param bufferedBytes - all that waits; once it is under the soft limit, those of before are on their way
 * @returns what was written since then
 */
export function countControl(counted: number, bytes: number, bufferedBytes: number, softBytes: number): number {
  return (bufferedBytes < softBytes ? 0 : counted) + bytes + overheadBytes;
}
