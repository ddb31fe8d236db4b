/** The network between all pages and the server: a fault proxy, and what visitors may make it do. */

/**
 * @typedef {import("channelkit/testing").Fault} Fault
 * @typedef {import("./public/protocol.js").NetworkState} NetworkState
 * @typedef {import("./public/protocol.js").SwitchName} SwitchName
 */

const cutMs = 10_000;
/** From one cut to the next: time for everybody to come back, whoever presses the button how often. */
const cutIntervalMs = 20_000;

/** @type {Readonly<Record<SwitchName, Fault>>} */
const faults = {
  blocksWebSocket: { type: "refuse-upgrade" },
  buffersStreams: { type: "hold-response", on: "stream" },
};

export class Network {
  #proxy;
  /** @type {Record<SwitchName, boolean>} */
  #switches = { blocksWebSocket: false, buffersStreams: false };
  #mayCutAtMs = 0;

  /** @param {import("channelkit/testing").FaultProxy} proxy */
  constructor(proxy) {
    this.#proxy = proxy;
  }

  /** @returns {NetworkState} */
  get state() {
    return { ...this.#switches, cutsAgainInMs: Math.max(0, this.#mayCutAtMs - performance.now()) };
  }

  /**
   * @param {SwitchName} name
   * @param {boolean} isOn
   */
  change(name, isOn) {
    // Nothing changes, and nobody is to be cut for it.
    if (this.#switches[name] === isOn) return;
    this.#switches[name] = isOn;
    this.#proxy.set(this.#faults);
    // What is open already would go on as before, and show nothing. What works better than the present is found anyway.
    if (isOn) this.#proxy.cut();
  }

  /** @returns {boolean} false if the last cut is not long ago */
  cut() {
    if (this.state.cutsAgainInMs > 0) return false;
    this.#mayCutAtMs = performance.now() + cutIntervalMs;
    this.#proxy.set([...this.#faults, { type: "offline", forMs: cutMs }]);
    // Else those that are connected would notice nothing for a while, as when a cable is pulled.
    this.#proxy.cut();
    return true;
  }

  /** As it was in the beginning. */
  restore() {
    this.#switches = { blocksWebSocket: false, buffersStreams: false };
    this.#proxy.clear();
  }

  get #faults() {
    const names = /** @type {SwitchName[]} */ (Object.keys(faults));
    return names.filter((name) => this.#switches[name]).map((name) => faults[name]);
  }
}
