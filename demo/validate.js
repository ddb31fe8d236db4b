/** What the room takes from pages. Everything that arrives goes through here before it is believed. */

/** @typedef {import("./public/protocol.js").PageMessage} PageMessage */

export const maxTextLength = 500;
const maxNameLength = 24;

/** What is answered with a 4xx, or with a message that says why. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {string} message for the client
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {string | null} name
 * @returns {string}
 */
export function checkName(name) {
  const isName = name !== null && name.length <= maxNameLength && /^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._-]*$/u.test(name);
  if (isName) return name;
  throw new Refusal(400, `name must be 1 to ${maxNameLength} letters, digits, spaces, dots, hyphens or underscores`);
}

/**
 * @param {import("channelkit").Message} message
 * @returns {PageMessage}
 */
export function readPageMessage(message) {
  const given = parse(message);
  const { number, type } = given;
  if (!Number.isSafeInteger(number) || Number(number) < 1) throw new Refusal(400, "number must count from 1");
  const numbered = { number: Number(number) };
  if (type === "pulse" || type === "cut") return { ...numbered, type };
  if (type === "say") return { ...numbered, type, text: checkText(given.text) };
  if (type !== "switch") throw new Refusal(400, "type must be pulse, say, switch or cut");
  const { name, isOn } = given;
  if (name !== "blocksWebSocket" && name !== "buffersStreams") {
    throw new Refusal(400, "name must be blocksWebSocket or buffersStreams");
  }
  if (typeof isOn !== "boolean") throw new Refusal(400, "isOn must be true or false");
  return { ...numbered, type, name, isOn };
}

/**
 * @param {import("channelkit").Message} message
 * @returns {Record<string, unknown>}
 */
function parse(message) {
  /** @type {unknown} */
  let given;
  try {
    given = typeof message === "string" ? JSON.parse(message) : undefined;
  } catch {
    given = undefined;
  }
  if (typeof given === "object" && given !== null) return /** @type {Record<string, unknown>} */ (given);
  throw new Refusal(400, "a message must be a JSON object");
}

/**
 * @param {unknown} text
 * @returns {string} without white space around it
 */
function checkText(text) {
  if (typeof text !== "string") throw new Refusal(400, "text must be a string");
  const trimmed = text.trim();
  if (trimmed === "") throw new Refusal(400, "text must not be empty");
  if (trimmed.length > maxTextLength) throw new Refusal(400, `text must have at most ${maxTextLength} characters`);
  return trimmed;
}
