/** What the room takes from clients. Everything that arrives goes through here before it is believed. */

/** @typedef {import("channelkit").ChannelKind} ChannelKind */
/** @typedef {{ name: string, kind: ChannelKind }} Identity */

export const maxTextLength = 500;
export const maxNameLength = 24;

const defaultHoldSeconds = 20;
const maxHoldSeconds = 60;

/** A request that is answered with a 4xx, or a WebSocket message that is answered with an error. */
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
 * @param {unknown} name
 * @returns {string}
 */
export function checkName(name) {
  const expected = `name must be 1 to ${maxNameLength} letters, digits, spaces, dots, hyphens or underscores`;
  if (typeof name !== "string" || name.length > maxNameLength) throw new Refusal(400, expected);
  if (!/^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._-]*$/u.test(name)) throw new Refusal(400, expected);
  return name;
}

/**
 * @param {unknown} text
 * @returns {string} without white space around it
 */
export function checkText(text) {
  if (typeof text !== "string") throw new Refusal(400, "text must be a string");
  const trimmed = text.trim();
  if (trimmed === "") throw new Refusal(400, "text must not be empty");
  if (trimmed.length > maxTextLength) throw new Refusal(400, `text must have at most ${maxTextLength} characters`);
  return trimmed;
}

/**
 * @param {unknown} kind
 * @returns {ChannelKind}
 */
export function checkKind(kind) {
  if (kind === "websocket" || kind === "http-streaming" || kind === "long-polling") return kind;
  throw new Refusal(400, "kind must be websocket, http-streaming or long-polling");
}

/**
 * How long a poll may stay unanswered.
 *
 * @param {string | null} seconds
 * @returns {number} milliseconds
 */
export function checkHold(seconds) {
  const wanted = seconds === null ? defaultHoldSeconds : Number(seconds);
  if (seconds !== "" && Number.isInteger(wanted) && wanted >= 1 && wanted <= maxHoldSeconds) return wanted * 1000;
  throw new Refusal(400, `wait must be a whole number of seconds from 1 to ${maxHoldSeconds}`);
}

/**
 * Reads the JSON object of a POST. Only `application/json` is taken: a form of another site cannot send that.
 *
 * @param {Request} request
 * @returns {Promise<Record<string, unknown>>}
 */
export async function readJson(request) {
  const type = request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/json") throw new Refusal(415, "the body must be application/json");
  /** @type {unknown} */
  let body;
  try {
    body = JSON.parse(await request.text());
  } catch {
    throw new Refusal(400, "the body must be JSON");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new Refusal(400, "the body must be a JSON object");
  }
  return /** @type {Record<string, unknown>} */ (body);
}
