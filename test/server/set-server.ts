import type { TestContext } from "node:test";
import { type ChannelError, type RequestHandler, serve, type ServeOptions, type Server } from "../../src/index.ts";

/** A server under test, on a free port, and what it reported. */
export type TestServer = { readonly server: Server; readonly port: number; readonly errors: ChannelError[] };

/** What ends later than what is made in it: a test, or a part of a longer run. */
export type Scope = Pick<TestContext, "after">;

/** Starts a server that ends with the test. */
export async function setServer(t: Scope, handler: RequestHandler, options: ServeOptions = {}): Promise<TestServer> {
  const errors: ChannelError[] = [];
  const server = await serve(handler, { port: 0, onError: (error) => errors.push(error), ...options });
  t.after(() => server.stop({ timeoutMs: 0 }));
  return { server, port: server.port, errors };
}
