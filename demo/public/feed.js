/** How far from its end a list may be scrolled and still counts as read to the end. */
const slackPixels = 24;

/** A list that grows at its end: keeps the end in view unless the reader has scrolled away, and forgets what is old. */
export class Feed {
  #list;
  #most;
  #isFollowing = true;

  /**
   * @param {HTMLElement} list
   * @param {number} most how many items are kept
   */
  constructor(list, most) {
    this.#list = list;
    this.#most = most;
    list.addEventListener("scroll", () => {
      this.#isFollowing = list.scrollHeight - list.scrollTop - list.clientHeight < slackPixels;
    });
    new ResizeObserver(() => this.#follow()).observe(list);
  }

  /** @param {HTMLElement} item */
  append(item) {
    const list = this.#list;
    list.append(item);
    while (list.childElementCount > this.#most) list.firstElementChild?.remove();
    this.#follow();
  }

  #follow() {
    if (this.#isFollowing) this.#list.scrollTop = this.#list.scrollHeight;
  }
}
