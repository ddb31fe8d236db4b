import type { IncomingMessage } from "node:http";
import type { Head } from "../http/head.ts";
import { protocolField, sessionField } from "../protocol/http-fields.ts";
import type { AllowedOrigins } from "../server/origin.ts";
import { plainAnswer } from "./plain-answers.ts";

const notShared: Head["fields"] = [];
const varying: Head["fields"] = [["Vary", "Origin"]];
const sharedWithAll: Head["fields"] = [["Access-Control-Allow-Origin", "*"]];

/** What a client sends that a page may not send to another origin without being allowed to. */
const requestFields = ["Authorization", "Content-Type", protocolField, sessionField].join(", ");

/** A browser asks as seldom as it can: Chromium keeps an answer for two hours at most, Firefox for a day. */
const preflightMaxAgeSeconds = 7200;

/**
 * What lets a page of another origin read an answer (Fetch, §3.3): cookies go with it for those that are named, and for no
 * others. `"*"` is for services without cookies.
 */
export function sharingFields({ headers }: IncomingMessage, allowed: AllowedOrigins): Head["fields"] {
  if (allowed === undefined) return notShared;
  if (allowed === "*") return sharedWithAll;
  const { origin } = headers;
  if (origin === undefined || !allowed.includes(origin)) return varying;
  return [["Access-Control-Allow-Origin", origin], ["Access-Control-Allow-Credentials", "true"], ...varying];
}

/** Whether a browser asks if a page of another origin may send a request of the session protocol. */
export function isPreflight({ method, headers }: IncomingMessage): boolean {
  if (method !== "OPTIONS") return false;
  const asked = (headers["access-control-request-headers"] ?? "").toLowerCase();
  return asked.split(",").some((name) => name.trim() === protocolField);
}

/** @param isAllowed - whether the page may send requests at all */
export function answerPreflight(message: IncomingMessage, allowed: AllowedOrigins, isAllowed: boolean): Response {
  const headers = new Headers();
  for (const [name, value] of sharingFields(message, allowed)) headers.append(name, value);
  if (!isAllowed) return plainAnswer("foreignOrigin", headers);
  headers.append("Access-Control-Allow-Methods", "POST");
  headers.append("Access-Control-Allow-Headers", requestFields);
  headers.append("Access-Control-Max-Age", String(preflightMaxAgeSeconds));
  return new Response(null, { status: 204, headers });
}
