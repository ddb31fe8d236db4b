// @ts-check
import { marker } from "../load/dials.js";

const bytes = 1024;
const digits = 8;
const padding = "m".repeat(bytes - digits - 1);

/** A message: its number, and behind it the marker, which stands nowhere else. @param {number} index */
export function messageOf(index) {
  return `${padding}${String(index).padStart(digits, "0")}${marker}`;
}

/**
 * Reads the numbers of messages out of what comes, in pieces of any size.
 *
 * @returns {(bytes: Uint8Array, take: (index: number) => void) => void}
 */
export function messageReader() {
  let before = "";
  return (piece, take) => {
    const view = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    let end = view.indexOf(marker);
    for (; end !== -1; end = view.indexOf(marker, end + 1)) {
      const start = Math.max(0, end - digits);
      const own = view.toString("latin1", start, end);
      take(Number(own.length === digits ? own : (before + own).slice(-digits)));
    }
    const tail = view.toString("latin1", Math.max(0, view.length - digits));
    before = (before + tail).slice(-digits);
  };
}
