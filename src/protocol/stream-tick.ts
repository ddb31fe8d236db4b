/** How long behind the answer to its attach a stream gets its second tick: as long as a transport may take to answer. */
export const secondTickMs = 250;

/** A second tick that follows the answer so closely was held back with it: at most a tenth of what lies between them. */
export const lumpMs: number = secondTickMs / 10;

/** Silence between the answer and the second tick that a network causes by itself: TCP repeats a lost segment after 1 s (RFC 6298 §2.1). */
export const secondTickSlackMs = 1500;
