// @ts-check
/**
 * An answer that is written while it is thought of, token by token, to one client over HTTP or WebSocket. When the
 * client leaves, the model is told to stop: nobody pays for tokens that nobody reads.
 *
 *     node examples/ai-tokens.js
 *     curl -N 'localhost:9090/?prompt=why'            # Ctrl-C stops the model
 *     npx wscat -c ws://localhost:9090                # each line is a prompt
 */
import { setTimeout as sleep } from "node:timers/promises";
import { serve, withChannel } from "channelkit";

const port = Number(process.env.PORT ?? 9090);
const tokenMs = Number(process.env.TOKEN_MS ?? 50);

/**
 * Stands for a model: it takes a signal, as the clients of real ones do.
 *
 * @param {string} prompt
 * @param {AbortSignal} signal
 */
async function* think(prompt, signal) {
  const words = `You asked "${prompt}". That is a good question, and there are many good answers to it.`.split(" ");
  for (const word of words) {
    await sleep(tokenMs, undefined, { signal });
    yield `${word} `;
  }
}

/**
 * @param {import("channelkit").Channel} channel
 * @param {string} prompt
 * @param {AbortSignal} left
 */
async function answer(channel, prompt, left) {
  let count = 0;
  try {
    for await (const token of think(prompt, left)) {
      if (!channel.send(token, { close: false })) break;
      count += 1;
      // A client that reads slowly makes the model wait, and not this process keep what it has said.
      await channel.drained();
    }
  } catch (error) {
    if (!left.aborted) throw error;
  }
  console.log(channel.isOpen ? `sent ${count} tokens` : `stopped after ${count} tokens`);
}

const server = await serve(
  (request) =>
    withChannel(request, async (channel) => {
      const leaving = new AbortController();
      channel.onClose(() => leaving.abort());
      if (channel.isWebSocket) {
        // The promise is awaited: the next prompt has to wait until this one is answered.
        channel.onReceive((prompt) => answer(channel, String(prompt), leaving.signal));
        return;
      }
      const headers = { "Content-Type": "text/plain; charset=utf-8", "X-Accel-Buffering": "no" };
      channel.send({ headers }, { close: false });
      await answer(channel, new URL(request.url).searchParams.get("prompt") ?? "", leaving.signal);
      channel.close();
    }),
  { port },
);
console.log(`listening on ${server.url}`);
