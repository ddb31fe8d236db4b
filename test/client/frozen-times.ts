/** What finds a silent peer, shortened for tests whose peers are frozen. */
export const shortTimes = { pingIntervalMs: 500, pongTimeoutMs: 500, pollHoldMs: 500, ackDelayMs: 200 };

/** A busy machine is late. */
export const graceMs = 3000;
