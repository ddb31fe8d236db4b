import { find, kindNames, named } from "./elements.js";
import { Feed } from "./feed.js";

const maxLines = 300;

/** @typedef {import("./protocol.js").Person} Person */

/** Who is here, and what they say. */
export class Talk {
  #me;
  #people = find(".people", HTMLElement);
  #said = new Feed(find(".said", HTMLElement), maxLines);

  /**
   * @param {string} me
   * @param {(text: string) => boolean} say false: there is no room for it now
   */
  constructor(me, say) {
    this.#me = me;
    const form = find(".talk form", HTMLFormElement);
    const input = find(".talk input", HTMLInputElement);
    input.placeholder = `Write as ${me}`;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (text !== "" && say(text)) input.value = "";
    });
  }

  /** @param {readonly Person[]} people */
  meet(people) {
    const chips = people.map(({ name, kind }) => {
      const chip = named("li", name === this.#me ? "me" : "", "");
      chip.dataset.kind = kind;
      chip.append(named("span", "name", name), " ", named("span", "kind", kindNames[kind]));
      return chip;
    });
    this.#people.replaceChildren(...chips);
  }

  /**
   * @param {Person} from
   * @param {string} text
   */
  hear({ name, kind }, text) {
    const line = named("li", name === this.#me ? "own" : "", "");
    line.dataset.kind = kind;
    const words = named("span", "text", text);
    words.dir = "auto";
    line.append(named("span", "author", name), words);
    this.#said.append(line);
  }
}
