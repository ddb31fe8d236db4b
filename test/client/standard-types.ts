import { type ClientChannel, connect, type Message } from "channelkit/client";

/**
 * What takes a message here are functions of the platform. It is compiled with the types of Node and, by
 * tsconfig.browser.json, with those of browsers: that it compiles is the test.
 */
export function pass(message: Message, socket: WebSocket): Blob {
  socket.send(message);
  return new Blob([message]);
}

/** The same where the type comes from the handler; and the other way round, what the platform gives is sent. */
export function relay(socket: WebSocket): ClientChannel {
  const channel = connect("/live");
  channel.onReceive((message) => {
    socket.send(message);
    if (typeof message !== "string") void new Response(message).blob();
  });
  // A handler that takes more is none the worse.
  channel.onClose((status: string) => socket.close(1000, status));
  channel.send(new Uint8Array(1));
  channel.send(new ArrayBuffer(1));
  // @ts-expect-error -- neither text nor bytes
  channel.send({});
  return channel;
}
