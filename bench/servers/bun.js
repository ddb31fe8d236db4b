// @ts-check
/** The native limit: Bun's own server, which is uWebSockets in C++. */

/** @typedef {ReadableStreamDefaultController & { write(text: string): void, flush(): void }} DirectController */

/**
 * @param {import("./host.js").Tls | undefined} tls
 * @param {string} answer
 * @param {boolean} compress
 * @returns {Promise<import("./host.js").Peer>}
 */
export async function start(tls, answer, compress) {
  /** @type {Set<DirectController>} */
  const streams = new Set();
  /** @type {((response: Response) => void)[]} */
  let parked = [];
  const server = Bun.serve({
    hostname: "0.0.0.0",
    port: 0,
    idleTimeout: 0,
    tls,
    fetch(request) {
      const { url } = request;
      if (url.endsWith("/answer")) return new Response(answer);
      if (url.endsWith("/poll")) return new Promise((resolve) => void parked.push(resolve));
      if (url.endsWith("/stream")) return new Response(openStream(streams));
      server.upgrade(request, { data: url });
      return undefined;
    },
    websocket: {
      idleTimeout: 0,
      perMessageDeflate: compress,
      maxPayloadLength: 16 * 2 ** 20,
      open(socket) {
        if (socket.data.endsWith("/group")) socket.subscribe("group");
      },
      // As the others do it: short messages are not worth it.
      message: (socket, message) => void socket.send(message, compress && message.length >= 1024),
    },
  });
  return {
    port: server.port,
    broadcast(text) {
      server.publish("group", text, compress);
      for (const stream of streams) stream.write(text);
      const polls = parked;
      parked = [];
      for (const resolve of polls) resolve(new Response(text));
    },
    endTurn() {
      for (const stream of streams) stream.flush();
    },
  };
}

/** @param {Set<DirectController>} streams */
function openStream(streams) {
  const source = {
    type: "direct",
    pull(/** @type {DirectController} */ controller) {
      controller.write("begin");
      controller.flush();
      streams.add(controller);
      return new Promise(() => undefined);
    },
  };
  // @ts-expect-error -- a direct stream is an invention of Bun
  return new ReadableStream(source);
}
