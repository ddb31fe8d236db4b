import { createServer, connect, type Socket } from "node:net";
import type { TestContext } from "node:test";

/** Passes new connections to one of several servers, as a load balancer does while one of them is started again. */
export type Balancer = {
  readonly url: string;
  /** Where new connections go from now on; those that there are stay. */
  targetPort: number;
};

export async function setBalancer(t: TestContext, targetPort: number): Promise<Balancer> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: balancer.targetPort, host: "127.0.0.1", noDelay: true });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", 1024, resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port was given");
  const balancer = { url: `http://127.0.0.1:${address.port}`, targetPort };
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return balancer;
}
