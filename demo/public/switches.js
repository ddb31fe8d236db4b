import { find } from "./elements.js";

/**
 * @typedef {import("./protocol.js").NetworkState} NetworkState
 * @typedef {import("./protocol.js").SwitchName} SwitchName
 */

/** What can be done to the network. The server says how it stands: a switch moves when everybody has been told. */
export class Switches {
  /** @type {readonly (readonly [SwitchName, HTMLElement])[]} */
  #switches;
  #cut = find(".network .cut", HTMLButtonElement);
  #notice = find(".network .notice", HTMLElement);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {{ change: (name: SwitchName, isOn: boolean) => void, cut: () => void }} listener */
  constructor({ change, cut }) {
    this.#switches = /** @type {SwitchName[]} */ (["blocksWebSocket", "buffersStreams"]).map((name) => {
      const button = find(`[data-switch="${name}"]`, HTMLElement);
      button.addEventListener("click", () => change(name, button.getAttribute("aria-checked") !== "true"));
      return [name, button];
    });
    this.#cut.addEventListener("click", cut);
  }

  /**
   * @param {NetworkState} state
   * @param {string | undefined} by who has changed it
   */
  show(state, by) {
    for (const [name, button] of this.#switches) button.setAttribute("aria-checked", String(state[name]));
    clearTimeout(this.#timer);
    this.#cut.disabled = state.cutsAgainInMs > 0;
    this.#timer = setTimeout(() => (this.#cut.disabled = false), state.cutsAgainInMs);
    this.say(by === undefined ? "" : `Changed by ${by}.`);
  }

  /** @param {string} text */
  say(text) {
    this.#notice.textContent = text;
  }
}
