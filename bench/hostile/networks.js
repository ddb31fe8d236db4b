// @ts-check
/**
 * What stands between browsers and servers, as faults of `channelkit/testing`. All of it holds from before the client
 * dials. `test/chaos` holds the client to its times on the same networks.
 *
 * @typedef {{ readonly name: string, readonly faults: readonly import("../../dist/testing.js").Fault[] }} Network
 */

/** @type {readonly Network[]} */
export const networks = [
  { name: "nothing in the way", faults: [] },
  { name: "WebSocket refused", faults: [{ type: "refuse-upgrade" }] },
  { name: "upgrade swallowed", faults: [{ type: "swallow-upgrade" }] },
  { name: "muted after the upgrade", faults: [{ type: "mute-upgrade" }] },
  { name: "closed after the upgrade", faults: [{ type: "close-upgrade" }] },
  { name: "upgrade stripped", faults: [{ type: "strip-upgrade" }] },
  {
    name: "WebSocket half-open after a few bytes",
    faults: [{ type: "half-open", on: "upgrade", afterBytes: { min: 1, max: 300 } }],
  },
  { name: "WebSocket refused, responses buffered", faults: [{ type: "refuse-upgrade" }, { type: "hold-response" }] },
  { name: "upgrade swallowed, responses buffered", faults: [{ type: "swallow-upgrade" }, { type: "hold-response" }] },
  {
    name: "muted after the upgrade, responses buffered",
    faults: [{ type: "mute-upgrade" }, { type: "hold-response" }],
  },
  {
    name: "WebSocket refused, streams half-open",
    faults: [{ type: "refuse-upgrade" }, { type: "half-open", on: "stream" }],
  },
  {
    name: "WebSocket refused, every third response dropped",
    faults: [{ type: "refuse-upgrade" }, { type: "drop-response", on: "answer", probability: 0.33 }],
  },
  { name: "two connections refused", faults: [{ type: "refuse", times: 2 }] },
  { name: "reset after 1 to 3000 bytes", faults: [{ type: "cut", afterBytes: { min: 1, max: 3000 } }] },
  { name: "single bytes", faults: [{ type: "split" }] },
  { name: "100 ms each way", faults: [{ type: "delay", delayMs: 100 }] },
  {
    name: "100 ms each way, upgrade swallowed, responses buffered",
    faults: [{ type: "delay", delayMs: 100 }, { type: "swallow-upgrade" }, { type: "hold-response" }],
  },
];

/** How often the server pushes, from when the channel is open. */
export const pushIntervalMs = 100;
/** The first message is due so long after `connect`. */
export const firstMessageMs = 1000;
/** And behind it there is never so long without a push. */
export const silenceMs = 2000;
/** How long pushes are watched. */
export const watchMs = 2500;
