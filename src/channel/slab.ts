/** Large enough for what most turns send, small enough to be given up when a client is slow to take its part. */
const slabBytes = 64 * 1024;

/** Most bytes of a message that is encoded in the slab: a larger one is better off in a buffer of its own. */
export const largestSlabBytes = 4096;

/** Who writes at the end of the slab. */
export type SlabWriter = {
  /** Somebody else is about to write there: takes its run. */
  leaveSlab(): void;
};

let bytes: Buffer = Buffer.allocUnsafeSlow(slabBytes);
let used = 0;
let isKept = false;
let writer: SlabWriter | undefined;
/** Where the run of the writer begins. */
let start = 0;

/**
 * A place where small messages are encoded on their way out, one behind the other, whichever channel they are for.
 *
 * What one channel sends in a row is a run: it lies there in one piece and leaves in one write. A buffer for each message
 * would cost more than encoding it, and joining them once more. When a turn ends, everything was written and the place is
 * used again.
 */
export const slab = {
  /** Where to write. */
  get bytes(): Buffer {
    return bytes;
  },

  /** The position from which so many bytes, at most `largestSlabBytes`, can be written to go on with a writer's run. */
  place(forWriter: SlabWriter, mostBytes: number): number {
    const hasRoom = used + mostBytes <= slabBytes;
    if (writer !== forWriter || !hasRoom) {
      writer?.leaveSlab();
      if (!hasRoom) renew();
      writer = forWriter;
      start = used;
    }
    return used;
  },

  /** Counts bytes as written. */
  commit(count: number): void {
    used += count;
  },

  /** The run of a writer, which ends with this. Undefined if it has none. */
  takeRun(ofWriter: SlabWriter): Buffer | undefined {
    if (writer !== ofWriter) return undefined;
    writer = undefined;
    return bytes.subarray(start, used);
  },

  /** Somebody still needs what lies here when the turn ends. */
  keep(): void {
    isKept = true;
  },

  /** The turn ends, and all of it was handed on. */
  recycle(): void {
    if (isKept) renew();
    else used = 0;
  },
};

/** What lies in the old one stays as it is for those who hold it. */
function renew(): void {
  bytes = Buffer.allocUnsafeSlow(slabBytes);
  used = 0;
  isKept = false;
}
