import { Readable } from "node:stream";
import type { StreamBody } from "../../src/index.ts";
import { deferred, type Deferred } from "../support/expect.ts";

/** A stream body that a test feeds by hand, in one of the forms that an application may have. */
export type ManualSource = {
  readonly body: StreamBody;
  push(piece: string | Uint8Array): void;
  end(): void;
  fail(error: Error): void;
  /** Resolves when whoever reads it, or was to read it, has let go of it: what is behind it would be freed. */
  readonly released: Promise<void>;
};

export type SourceForm = { readonly name: string; readonly create: () => ManualSource };

function webStream(): ManualSource {
  const released = deferred();
  let controller: ReadableStreamDefaultController<Uint8Array | string> | undefined;
  const body = new ReadableStream<Uint8Array | string>({
    start: (given) => void (controller = given),
    cancel: () => released.resolve(),
  });
  return {
    body,
    push: (piece) => controller?.enqueue(piece),
    end: () => controller?.close(),
    fail: (error) => controller?.error(error),
    released: released.promise,
  };
}

/** In object mode, since a byte stream puts together what waits in it. */
function nodeStream(): ManualSource {
  const released = deferred();
  const body = new Readable({ read: () => undefined, objectMode: true });
  body.on("close", () => released.resolve());
  return {
    body,
    push: (piece) => void body.push(piece),
    end: () => void body.push(null),
    fail: (error) => void body.destroy(error),
    released: released.promise,
  };
}

type Step = IteratorResult<Uint8Array | string>;

/** An iterator made by hand: unlike a generator it can be told to return while it waits. */
function handMadeIterable(): ManualSource {
  const released = deferred();
  const steps: (Step | Error)[] = [];
  let waiting: Deferred<Step> | undefined;
  const give = (step: Step | Error): void => {
    if (waiting === undefined) steps.push(step);
    else if (step instanceof Error) waiting.reject(step);
    else waiting.resolve(step);
    waiting = undefined;
  };
  const next = (): Promise<Step> => {
    const step = steps.shift();
    if (step instanceof Error) return Promise.reject(step);
    if (step !== undefined) return Promise.resolve(step);
    waiting = deferred<Step>();
    return waiting.promise;
  };
  const done: Step = { done: true, value: undefined };
  const stop = (): Promise<Step> => {
    released.resolve();
    return Promise.resolve(done);
  };
  return {
    body: { [Symbol.asyncIterator]: () => ({ next, return: stop }) },
    push: (piece) => give({ done: false, value: piece }),
    end: () => give(done),
    fail: give,
    released: released.promise,
  };
}

export const sourceForms: readonly SourceForm[] = [
  { name: "a ReadableStream", create: webStream },
  { name: "a Node stream", create: nodeStream },
  { name: "an async iterable", create: handMadeIterable },
];

/** Every form of a stream that has all its pieces at once. A Blob cuts itself into pieces as it likes. */
export const wholeForms: readonly {
  readonly name: string;
  readonly of: (pieces: readonly string[]) => StreamBody | Blob;
}[] = [
  {
    name: "a ReadableStream",
    of: (pieces) =>
      new ReadableStream<string>({
        start: (controller) => {
          for (const piece of pieces) controller.enqueue(piece);
          controller.close();
        },
      }),
  },
  { name: "a Node stream", of: (pieces) => Readable.from(pieces.map((piece) => Buffer.from(piece))) },
  { name: "a Node stream of strings", of: (pieces) => Readable.from(pieces) },
  { name: "an async generator", of: generate },
  { name: "a Blob", of: (pieces) => new Blob([...pieces]) },
];

async function* generate(pieces: readonly string[]): AsyncGenerator<string> {
  for (const piece of pieces) yield await Promise.resolve(piece);
}
