import { Readable } from "node:stream";
import { isStream, type NormalBody, type StreamBody } from "./data.ts";

/** A stream body that is being read. */
export type Source = {
  /** The next piece, which may be anything: a source is what the application says it is. */
  next(): Promise<{ readonly done?: boolean | undefined; readonly value?: unknown }>;
  /** Lets go of it, also while `next` waits: files and sockets behind it would stay open otherwise. Never throws. */
  release(): void;
};

/** Begins to read a body. Throws what the body throws. */
export function openSource(body: StreamBody): Source {
  if (body instanceof ReadableStream) {
    // Not by its iterator, which can be told to stop only between two pieces.
    const reader = body.getReader();
    return { next: () => reader.read(), release: () => quietly(() => reader.cancel()) };
  }
  const iterator = body[Symbol.asyncIterator]();
  const next = async (): Promise<IteratorResult<unknown>> => iterator.next();
  if (body instanceof Readable) {
    expectFailure(body);
    return { next, release: () => destroy(body) };
  }
  return { next, release: () => quietly(() => iterator.return?.()) };
}

/** Lets a source wait for its turn: a file that does not exist says so before anybody reads it, and would end the process. */
export function expectFailure(body: NormalBody): void {
  if (body instanceof Readable) body.on("error", ignore);
}

/** Lets go of a source that will not be read. Never throws. */
export function discard(body: NormalBody): void {
  if (!isStream(body)) return;
  if (body instanceof Readable) destroy(body);
  else quietly(() => openSource(body).release());
}

function destroy(stream: Readable): void {
  expectFailure(stream);
  stream.destroy();
}

function quietly(release: () => unknown): void {
  const attempt = async (): Promise<unknown> => release();
  attempt().catch(ignore);
}

function ignore(): void {
  // Whoever reads the source is told by the read; when nobody does, it changes nothing.
}
