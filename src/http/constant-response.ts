import { STATUS_CODES } from "node:http";
import type { Environment } from "../channel/environment.ts";
import type { Exchange } from "./exchange.ts";
import { encodeResponse, type Head } from "./head.ts";

type Fields = Head["fields"];

/** Answers with a text that depends on the status alone: nothing of the request or of a fault gets into it. */
export function constantResponse(exchange: Exchange, status: number, fields: Fields = []): void {
  exchange.answer(constantHead(status, fields), bodyOf(status));
}

/** The bytes of such a response where there is no exchange: the request could not be read. The connection closes. */
export function encodeConstantResponse(
  status: number,
  environment: Environment,
  options: { fields?: Fields; isHead?: boolean } = {},
): Buffer {
  const body = bodyOf(status);
  const { serverHeader } = environment;
  const framing = { contentLength: body.length, connection: "close", serverHeader } as const;
  return encodeResponse(
    constantHead(status, options.fields ?? []),
    framing,
    options.isHead === true ? undefined : body,
  );
}

function constantHead(status: number, fields: Fields): Head {
  return {
    status,
    fields: [["Content-Type", "text/plain; charset=utf-8"], ["X-Content-Type-Options", "nosniff"], ...fields],
    closesConnection: false,
    contentLength: undefined,
  };
}

function bodyOf(status: number): Buffer {
  return Buffer.from(`${STATUS_CODES[status] ?? "Error"}\n`, "latin1");
}
