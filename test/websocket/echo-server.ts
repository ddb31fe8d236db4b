import { serve, withChannel, type Limits, type Server } from "../../src/index.ts";
import { Recorder } from "../support/recorder.ts";
import type { EchoServer } from "./frame-case.ts";

/** The library as the echo that the cases are run against. */
export async function startEchoServer(
  limits: Partial<Limits> = {},
): Promise<Required<EchoServer> & Pick<Server, "stop">> {
  const log = new Recorder();
  const server = await serve(
    (request) =>
      withChannel(request, (channel) => {
        const messages: (string | Uint8Array)[] = [];
        channel.onReceive((message) => {
          messages.push(message);
          channel.send(message);
        });
        channel.onClose((status) => log.record(new URL(request.url).pathname, status, messages));
      }),
    { port: 0, limits },
  );
  return {
    port: server.port,
    stop: (options) => server.stop(options),
    observe: async (path) => {
      const { args } = await log.waitFor(path, { timeoutMs: 10_000 });
      const [status, messages] = args as [string, (string | Uint8Array)[]];
      return { status, messages };
    },
  };
}
