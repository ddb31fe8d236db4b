// @ts-check

const { createSessions, serve, MemoryChannelStore } = /** @type {typeof import("../../dist/index.js")} */ (
  await import(process.env.BENCH_CHANNELKIT ?? "../../dist/index.js")
);

/** @type {import("../../dist/index.js").MemoryChannelStore} */
const members = new MemoryChannelStore();
// As in the other rows.
const sessions = createSessions({ limits: { pingIntervalMs: 3_600_000 } });

/**
 * @param {import("./host.js").Tls | undefined} tls
 * @returns {Promise<import("./host.js").Peer>}
 */
export async function start(tls) {
  const server = await serve(
    (request) =>
      sessions.accept(request, (channel) => {
        if (request.url.endsWith("/echo")) channel.onReceive((message) => void channel.send(message));
        else members.add("group", channel);
      }),
    { port: 0, hostname: "0.0.0.0", ...(tls && { tls }) },
  );
  return { port: server.port, broadcast: (text) => void members.broadcast("group", text) };
}
