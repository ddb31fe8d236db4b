/** 128 random bits, as an id may be written. Not `randomUUID`, which is missing where a page came over HTTP. */
export function randomKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}

/** From 0 on, and under 1. */
export function randomFraction(): number {
  return Number(crypto.getRandomValues(new Uint32Array(1))) / 2 ** 32;
}
