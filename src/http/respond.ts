import type { Environment } from "../channel/environment.ts";
import { ChannelErrorOf } from "../channel/errors.ts";
import { bytesOf } from "../channel/message.ts";
import { constantResponse } from "./constant-response.ts";
import type { Exchange } from "./exchange.ts";
import { checkHead, type Head } from "./head.ts";

type Reader = ReadableStreamDefaultReader<Uint8Array>;
type Read = { readonly done: boolean; readonly value?: Uint8Array | undefined };

/**
 * Writes a response that a handler returned.
 *
 * A body that is there at once, as that of `new Response("text")` is, goes out with its length in one write; any other
 * body is chunked, each piece as it comes, no faster than the client reads.
 */
export async function respond(exchange: Exchange, response: Response, environment: Environment): Promise<void> {
  if (exchange.isFinished) {
    // The client left, or the channel has answered: nobody is there to read it.
    cancel(response.body);
    return;
  }
  let head: Head;
  try {
    head = checkHead(response.status, response.headers);
  } catch (cause) {
    cancel(response.body);
    failed(environment, "its status or a header field cannot be sent", cause);
    constantResponse(exchange, 500);
    return;
  }
  if (response.body === null) {
    exchange.answer(head);
    return;
  }
  if (response.bodyUsed || response.body.locked) {
    failed(environment, "it was read already", undefined);
    constantResponse(exchange, 500);
    return;
  }
  await respondWithBody(exchange, head, response.body, environment);
}

async function respondWithBody(
  exchange: Exchange,
  head: Head,
  body: ReadableStream<Uint8Array>,
  environment: Environment,
): Promise<void> {
  const reader: Reader = body.getReader();
  const stop = (): void => {
    reader.cancel().catch(() => {
      // The client is gone; so may its source be.
    });
  };
  exchange.socket.once("close", stop);
  try {
    await copy(exchange, head, reader);
  } catch (cause) {
    stop();
    failed(environment, "its source failed", cause);
    if (exchange.isAnswered) exchange.abort();
    else constantResponse(exchange, 500);
  } finally {
    exchange.socket.off("close", stop);
  }
}

async function copy(exchange: Exchange, head: Head, reader: Reader): Promise<void> {
  const first = await reader.read();
  if (first.done) {
    exchange.answer(head);
    return;
  }
  const next = reader.read();
  const second = await atOnce(next);
  if (second?.done === true) {
    exchange.answer(head, bytesOf(first.value));
    return;
  }
  if (exchange.hasNoBody(head.status)) {
    next.catch(() => undefined);
    await reader.cancel();
    // The length is not known: a HEAD response may leave it out (RFC 9110 §9.3.2).
    exchange.answer(head);
    return;
  }
  exchange.startStream(head);
  exchange.write(bytesOf(first.value));
  let read: Read = second ?? (await next);
  while (!read.done && !exchange.isFinished) {
    if (read.value !== undefined) exchange.write(bytesOf(read.value));
    await exchange.outbox.drained();
    if (exchange.socket.destroyed) return;
    read = await reader.read();
  }
  exchange.end();
}

/** The result of a read that needs no waiting, or undefined. */
async function atOnce(read: Promise<Read>): Promise<Read | undefined> {
  let immediate: NodeJS.Immediate | undefined;
  const later = new Promise<undefined>((resolve) => {
    immediate = setImmediate(resolve, undefined);
  });
  try {
    return await Promise.race([read, later]);
  } finally {
    clearImmediate(immediate);
  }
}

function cancel(body: ReadableStream | null): void {
  body?.cancel().catch(() => {
    // A body that nobody reads has nobody to tell.
  });
}

function failed(environment: Environment, reason: string, cause: unknown): void {
  const options = cause === undefined ? undefined : { cause };
  environment.report(new ChannelErrorOf("BODY_FAILED", { reason }, options));
}
