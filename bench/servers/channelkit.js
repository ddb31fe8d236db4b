// @ts-check

const { serve, withChannel, MemoryChannelStore } = /** @type {typeof import("../../dist/index.js")} */ (
  await import(process.env.BENCH_CHANNELKIT ?? "../../dist/index.js")
);

/** @type {import("../../dist/index.js").MemoryChannelStore} */
const members = new MemoryChannelStore();

/** Pings are hours away, as in the other rows: the load answers none. Large messages and bursts are let through. */
const limits = { pingIntervalMs: 3_600_000, maxMessageBytes: 16 * 2 ** 20, maxBufferedBytes: 64 * 2 ** 20 };

/**
 * @param {import("./host.js").Tls | undefined} tls
 * @param {string} answer
 * @param {boolean} compress
 * @returns {Promise<import("./host.js").Peer>}
 */
export async function start(tls, answer, compress) {
  const server = await serve(
    (request) =>
      withChannel(request, (channel) => {
        const { url } = request;
        if (url.endsWith("/answer")) channel.send(answer);
        else if (url.endsWith("/echo")) channel.onReceive((message) => void channel.send(message));
        else {
          if (url.endsWith("/stream")) channel.send("begin", { close: false });
          members.add("group", channel);
        }
      }),
    { port: 0, hostname: "0.0.0.0", limits, compression: compress, ...(tls && { tls }) },
  );
  return { port: server.port, broadcast: (text) => void members.broadcast("group", text) };
}
