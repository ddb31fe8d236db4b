import { chunkBytes, isStream, type StreamBody } from "../channel/data.ts";
import type { Environment } from "../channel/environment.ts";
import { ChannelErrorOf, invalidArgument } from "../channel/errors.ts";
import { streamHeadDelayMs } from "../channel/limits.ts";
import { discard, openSource, type Source } from "../channel/source.ts";
import { untilBudget } from "../channel/turn.ts";
import { constantResponse } from "./constant-response.ts";
import type { Exchange } from "./exchange.ts";
import { checkHead, type Head } from "./head.ts";

type Read = Awaited<ReturnType<Source["next"]>>;

/**
 * Writes a response that a handler returned.
 *
 * A body that is there at once, as that of `new Response("text")` is, goes out with its length in one write; any other
 * body is chunked, each piece as it comes, no faster than the client reads.
 */
export async function respond(exchange: Exchange, response: Response, environment: Environment): Promise<void> {
  if (exchange.isFinished) {
    // The client left, or the channel has answered: nobody is there to read it.
    discardBody(response);
    return;
  }
  let head: Head;
  let source: Source | undefined;
  try {
    head = checkHead(response.status, response.headers);
    source = openBody(response);
  } catch (cause) {
    discardBody(response);
    failed(environment, "it is not a response that can be sent", cause);
    constantResponse(exchange, 500);
    return;
  }
  if (source === undefined) exchange.answer(head);
  else await respondWithBody(exchange, { head, source }, environment);
}

async function respondWithBody(
  exchange: Exchange,
  { head, source }: { head: Head; source: Source },
  environment: Environment,
): Promise<void> {
  const stop = (): void => source.release();
  exchange.socket.once("close", stop);
  try {
    await (exchange.hasNoBody(head.status) ? measure(exchange, head, source) : copy(exchange, head, source));
  } catch (cause) {
    // A source that is let go because the client left may fail for it, which is nobody's fault.
    if (exchange.isFinished) return;
    failed(environment, "its source failed", cause);
    if (exchange.isAnswered) exchange.abort();
    else constantResponse(exchange, 500);
  } finally {
    exchange.socket.off("close", stop);
    // Read to its end, it takes no notice of this.
    source.release();
  }
}

async function copy(exchange: Exchange, head: Head, source: Source): Promise<void> {
  const delay = setTimeout(() => exchange.startStream(head), streamHeadDelayMs);
  let first: Read;
  try {
    first = await source.next();
  } finally {
    clearTimeout(delay);
  }
  if (exchange.isAnswered) {
    await copyRest(exchange, first, source);
    return;
  }
  if (first.done === true) {
    exchange.answer(head);
    return;
  }
  const next = source.next();
  const second = await atOnce(next);
  if (second?.done === true) {
    exchange.answer(head, chunkBytes(first.value));
    return;
  }
  const firstBytes = chunkBytes(first.value);
  exchange.startStream(head);
  exchange.write(firstBytes);
  await copyRest(exchange, second ?? (await next), source);
}

async function copyRest(exchange: Exchange, next: Read, source: Source): Promise<void> {
  let read = next;
  while (read.done !== true && !exchange.isFinished) {
    exchange.write(chunkBytes(read.value));
    await exchange.outbox.drained();
    await untilBudget();
    if (exchange.isFinished || exchange.socket.destroyed) return;
    read = await source.next();
  }
  exchange.end();
}

/** Answers without the body. Its length is told if it is there at once; a source that is slow is not waited for. */
async function measure(exchange: Exchange, head: Head, source: Source): Promise<void> {
  const first = await atOnce(source.next());
  if (first?.done === true) {
    exchange.answer(head);
    return;
  }
  const second = first === undefined ? undefined : await atOnce(source.next());
  if (second?.done === true) exchange.answer(head, chunkBytes(first?.value));
  else exchange.answerUnread(head);
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

/** By shape: the body of a framework's response may be a Node stream, or be missing. Throws if it cannot be read. */
function openBody(response: Response): Source | undefined {
  const body: unknown = response.body;
  if (body === null || body === undefined) return undefined;
  if (response.bodyUsed || !isStream(body)) {
    throw invalidArgument("the body of a response", "a stream that nobody has read", body);
  }
  return openSource(body);
}

function discardBody(response: Response): void {
  const body = streamOf(response);
  if (body !== undefined) discard(body);
}

/** A response that cannot even be asked for its body has none to let go of. */
function streamOf(response: Response): StreamBody | undefined {
  try {
    const body: unknown = response.body;
    return isStream(body) ? body : undefined;
  } catch {
    return undefined;
  }
}

function failed(environment: Environment, reason: string, cause: unknown): void {
  environment.report(new ChannelErrorOf("BODY_FAILED", { reason }, { cause }));
}
