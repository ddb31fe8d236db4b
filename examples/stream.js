// @ts-check
/**
 * HTTP streaming: one response that goes on, ten lines in two seconds, each sent as soon as there is one.
 *
 *     node examples/stream.js
 *     curl -N localhost:9090
 *
 * The first send is the head with the first piece, each further one a piece, and `close` ends the response.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { serve, withChannel } from "channelkit";

const port = Number(process.env.PORT ?? 9090);
const pauseMs = 200;

const server = await serve(
  (request) =>
    withChannel(request, async (channel) => {
      channel.onClose((status) => console.log(`${channel.id}: ${status}`));
      // X-Accel-Buffering asks nginx to pass each piece on at once.
      const headers = { "Content-Type": "text/plain; charset=utf-8", "X-Accel-Buffering": "no" };
      channel.send({ headers, body: "here they come\n" }, { close: false });
      // A client that leaves closes the channel: send is false then.
      for (let number = 1; channel.send(`message ${number} of 10\n`, { close: false }) && number < 10; number++) {
        await sleep(pauseMs);
        // Waits for a client that reads slowly, so that little has to be kept for it here.
        await channel.drained();
      }
      channel.close();
    }),
  { port },
);
console.log(`listening on ${server.url}`);
