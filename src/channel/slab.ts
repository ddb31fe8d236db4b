/** Large enough for what most turns send, small enough to be given up when a client is slow to take its part. */
const slabBytes = 64 * 1024;

let bytes: Buffer = Buffer.allocUnsafeSlow(slabBytes);
let used = 0;
let isKept = false;

/**
 * A place where small messages are encoded on their way out, one behind the other, whichever channel they are for.
 *
 * What one channel sends in a row lies there in one piece and leaves in one write: a buffer for each message would cost
 * more than encoding it, and joining them once more. When a turn ends, everything was written and the place is used again.
 */
export const slab = {
  /** Where to write: from the position that `reserve` gave. */
  get bytes(): Buffer {
    return bytes;
  },

  /** The position behind everything that was written. */
  get end(): number {
    return used;
  },

  /** Whether so many bytes more have room in the present one. */
  hasRoomFor(count: number): boolean {
    return used + count <= slabBytes;
  },

  /** Takes a new one. What lies in the old one stays as it is. */
  renew(): void {
    bytes = Buffer.allocUnsafeSlow(slabBytes);
    used = 0;
    isKept = false;
  },

  /** Counts bytes as written. */
  commit(count: number): void {
    used += count;
  },

  /** Somebody still needs what lies here when the turn ends. */
  keep(): void {
    isKept = true;
  },

  /** The turn ends, and all of it was handed on. */
  recycle(): void {
    if (isKept) slab.renew();
    else used = 0;
  },
};

/** Most bytes of a message that is encoded in the slab: a larger one is better off in a buffer of its own. */
export const largestSlabBytes = 4096;
