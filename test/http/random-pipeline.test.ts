import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { withChannel } from "../../src/index.ts";
import { Random, seedFromEnvironment } from "../support/random.ts";
import { expectReusable, setStage } from "./stage.ts";

/** What the server does with a request, written into its target so that the request itself is the plan. */
type Kind =
  | "text"
  | "later"
  | "poll"
  | "stream"
  | "returned-stream"
  | "echo"
  | "no-content"
  | "close"
  | "throw"
  | "throw-later";
const kinds: Kind[] = [
  "text",
  "later",
  "poll",
  "stream",
  "returned-stream",
  "echo",
  "no-content",
  "close",
  "throw",
  "throw-later",
];

type Case = { readonly bytes: string; readonly isHead: boolean; readonly expected: Expected };
/** What the oracle says: worked out from the request alone, without the server. */
type Expected = {
  readonly status: number;
  readonly body: string;
  readonly chunks: string[] | undefined;
  readonly length: string | undefined;
};

const crlf = "\r\n";

function makeCase(random: Random, index: number): Case {
  const kind = random.pick(kinds);
  const turns = random.int(0, 3);
  const text = `${index}-${"abc".repeat(random.int(0, 40))}`;
  const pieces = Array.from({ length: random.int(2, 4) }, (_, number) => `${text}.${number}`);
  const method = kind === "echo" ? "POST" : random.pick(["GET", "GET", "POST", "HEAD"]);
  const body = method === "POST" ? text : "";
  const plan = { kind, turns, text, pieces };
  const target = `/plan/${encodeURIComponent(JSON.stringify(plan))}`;
  const bytes = `${method} ${target} HTTP/1.1${crlf}Host: localhost${crlf}${method === "POST" ? frameBody(random, body) : crlf}`;
  return { bytes, isHead: method === "HEAD", expected: oracle({ kind, text, pieces }, method === "HEAD") };
}

function frameBody(random: Random, body: string): string {
  if (random.chance(0.5)) return `Content-Length: ${body.length}${crlf}${crlf}${body}`;
  const pieces = random.slices(Buffer.from(body), 30).map((piece) => Buffer.from(piece).toString());
  const chunks = pieces.map((piece) => `${piece.length.toString(16)}${crlf}${piece}${crlf}`).join("");
  return `Transfer-Encoding: chunked${crlf}${crlf}${chunks}0${crlf}${crlf}`;
}

function oracle({ kind, text, pieces }: { kind: Kind; text: string; pieces: string[] }, isHead: boolean): Expected {
  const whole = (status: number, body: string): Expected => {
    return { status, body: isHead ? "" : body, chunks: undefined, length: String(body.length) };
  };
  switch (kind) {
    case "text":
    case "later":
    case "poll":
    case "echo":
      return whole(200, text);
    case "throw":
    case "throw-later":
      return whole(500, "Internal Server Error\n");
    case "no-content":
    case "close":
      return { status: 204, body: "", chunks: undefined, length: undefined };
    case "stream":
      // The first send of a stream is the whole answer to HEAD.
      if (isHead) return whole(200, pieces[0] ?? "");
      return { status: 200, body: pieces.join(""), chunks: pieces, length: undefined };
    case "returned-stream":
      if (isHead) return { status: 200, body: "", chunks: undefined, length: undefined };
      return { status: 200, body: pieces.join(""), chunks: pieces, length: undefined };
  }
}

async function turnsOf(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}

type Plan = { readonly kind: Kind; readonly turns: number; readonly text: string; readonly pieces: string[] };

function perform(request: Request, { kind, turns, text, pieces }: Plan): Response | Promise<Response> {
  switch (kind) {
    case "text":
      return new Response(text);
    case "later":
      return turnsOf(turns).then(() => new Response(text));
    case "echo":
      return request.text().then((body) => new Response(body));
    case "throw":
      throw new Error("planned");
    case "throw-later":
      return turnsOf(turns).then(() => Promise.reject(new Error("planned")));
    case "no-content":
      return new Response(null, { status: 204 });
    case "returned-stream":
      return new Response(
        ReadableStream.from(
          (async function* () {
            for (const piece of pieces) {
              await turnsOf(1);
              yield Buffer.from(piece);
            }
          })(),
        ),
      );
    case "close":
      return withChannel(request, (channel) => void turnsOf(turns).then(() => channel.close()));
    case "poll":
      return withChannel(request, (channel) => void turnsOf(turns).then(() => channel.send(text)));
    case "stream":
      return withChannel(request, (channel) => {
        const sendAll = async (): Promise<void> => {
          for (const [index, piece] of pieces.entries()) {
            await turnsOf(turns);
            channel.send(piece, { close: index === pieces.length - 1 });
          }
        };
        void sendAll();
      });
  }
}

const rounds = 60;
const requestsPerRound = 20;

test(`${rounds} mixed pipelines of ${requestsPerRound} requests are answered as an oracle says, in order [C53, C60]`, async (t) => {
  const random = new Random(seedFromEnvironment());
  t.diagnostic(`CHANNELKIT_SEED=${random.seed}`);
  const stage = await setStage(t, (request, path) => {
    const plan = JSON.parse(decodeURIComponent(path.slice("/plan/".length))) as Plan;
    return perform(request, plan);
  });
  const client = await stage.connect();
  for (let round = 0; round < rounds; round++) {
    const cases = Array.from({ length: requestsPerRound }, (_, index) => makeCase(random, index));
    const bytes = Buffer.from(cases.map((each) => each.bytes).join(""), "latin1");
    const writes = random.chance(0.5) ? [bytes] : random.slices(bytes, 700);
    for (const piece of writes) await client.writeSplit(Buffer.from(piece), piece.length);
    for (const { bytes: sent, isHead, expected } of cases) {
      const response = await client.readResponse({ head: isHead });
      const { status, text: body, chunks } = response;
      const found: Expected = { status, body, chunks: chunks?.map(String), length: response.header("content-length") };
      assert.deepEqual(found, expected, `seed ${random.seed}, round ${round}: ${sent}`);
    }
  }
  await expectReusable(client);
});
