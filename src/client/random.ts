/** 128 random bits, of the letters that an id may have. Not `randomUUID`, which is missing where a page came over HTTP. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36).padStart(7, "0")).join("");
}

/** From 0 on, and under 1. */
export function randomFraction(): number {
  const [word = 0] = crypto.getRandomValues(new Uint32Array(1));
  return word / 2 ** 32;
}
