// @ts-check
/**
 * An answer that is written token by token over a session: it goes on where it was after a cut, over whatever transport
 * gets through. The model waits for a client that reads slowly or is away, and is stopped when it does not come back.
 *
 *     node examples/session-ai-tokens.js
 *     node examples/session-ai-tokens.js http://127.0.0.1:9090 "why?"                 # a client, in another terminal
 *     node examples/session-ai-tokens.js http://127.0.0.1:9090 "why?" long-polling    # the same over polls
 *     # in a browser the client is the same, without `WebSocket`: pages have one
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createSessions, serve } from "channelkit";
import { connect } from "channelkit/client";
import { WebSocket } from "ws"; // npm install ws: Node 20 has none of its own

const port = Number(process.env.PORT ?? 9090);
const tokenMs = Number(process.env.TOKEN_MS ?? 50);
const [, , url, prompt = "why?", kind] = process.argv;

/** Stands for a model: it takes a signal, as those do. @param {string} question @param {AbortSignal} signal */
async function* think(question, signal) {
  const words = `You asked "${question}". That is a good question, and there are many good answers to it.`.split(" ");
  for (const word of words) {
    await sleep(tokenMs, undefined, { signal });
    yield `${word} `;
  }
}

/** @param {import("channelkit").SessionChannel} channel @param {string} question @param {AbortSignal} ended */
async function answer(channel, question, ended) {
  let count = 0;
  try {
    for await (const token of think(question, ended)) {
      if (!channel.send(token)) break;
      count += 1;
      // Waits while 64 KiB are not acknowledged, also by a client that is away: so much is kept for it, and no more.
      await channel.drained();
    }
    channel.send(""); // the end of the answer
  } catch (error) {
    if (!ended.aborted) throw error;
  }
  console.log(channel.isOpen ? `sent ${count} tokens` : `stopped after ${count} tokens`);
}

async function listen() {
  // A client that is away for longer is not waited for: nobody pays for tokens that nobody reads.
  const sessions = createSessions({ limits: { resumeWindowMs: Number(process.env.AWAY_MS ?? 30_000) } });
  const use = (/** @type {import("channelkit").SessionChannel} */ channel) => {
    const ending = new AbortController();
    channel.onClose(() => ending.abort());
    channel.onPresence((isPresent) => console.log(isPresent ? "the client is back" : "the client is away"));
    // The promise is awaited: the next question has to wait until this one is answered.
    channel.onReceive((question) => answer(channel, String(question), ending.signal));
  };
  const server = await serve((request) => sessions.accept(request, use), { port });
  console.log(`listening on ${server.url}`);
}

/** @param {string} address */
function ask(address) {
  /** @type {import("channelkit").ChannelKind[]} */
  const all = ["websocket", "http-streaming", "long-polling"];
  const channel = connect(address, {
    WebSocket,
    transports: all.filter((each) => kind === undefined || each === kind),
  });
  channel.onReceive((token) => (token === "" ? channel.close() : process.stdout.write(String(token))));
  channel.onStatus((status) => {
    // A session after the first knows nothing of the question.
    if (status.state === "open" && status.reason !== undefined) channel.close(4600, status.reason);
  });
  channel.onClose((_status, { reason }) => console.log(reason));
  channel.send(prompt);
}

await (url === undefined ? listen() : ask(url));
