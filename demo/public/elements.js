/** Finding elements of the page, and making them. */

/**
 * @template {Element} Part
 * @param {string} selector
 * @param {new () => Part} type
 * @param {ParentNode} [root]
 * @returns {Part}
 */
export function find(selector, type, root = document) {
  const element = root.querySelector(selector);
  if (element instanceof type) return element;
  throw new Error(`the page has no ${selector}`);
}

/**
 * An element with a class and a text, which stays text whatever stands in it.
 *
 * @param {"li" | "span" | "time"} tag
 * @param {string} className
 * @param {string} text
 * @returns {HTMLElement}
 */
export function named(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** @type {Readonly<Record<import("./protocol.js").Kind, string>>} */
export const kindNames = { websocket: "WebSocket", "http-streaming": "HTTP stream", "long-polling": "long polling" };
