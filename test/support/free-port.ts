import { createServer, type Server } from "node:net";

/** Below those that systems give to connections, from 32768 on Linux and 49152 elsewhere: none of these takes one on its way. */
const firstPort = 20_000;
const pairs = 6000;

/**
 * A port of this machine that nobody listens on, and that no other caller gets while this process lives, in whichever
 * process it is: for programs that do not tell which port they chose, and for servers that are started again.
 *
 * A port that is found by listening on it and given back is soon found by another test, and a proxy that listens with
 * SO_REUSEPORT shares it with that one's instead of failing. So the port above it is held, by a listener and not by a
 * file, which would stay behind a process that is killed.
 */
export async function findFreePort(): Promise<number> {
  const start = Math.floor(Math.random() * pairs);
  for (let tried = 0; tried < pairs; tried += 1) {
    const port = firstPort + 2 * ((start + tried) % pairs);
    const holder = await listen(port + 1);
    if (holder === undefined) continue;
    const probe = await listen(port);
    if (probe !== undefined) {
      await new Promise((resolve) => probe.close(resolve));
      holder.unref();
      return port;
    }
    holder.close();
  }
  throw new Error(`no port from ${firstPort} on is free`);
}

/** Undefined where somebody else listens. */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", () => resolve(undefined));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => resolve(server));
  });
}
