import type { TestContext } from "node:test";
import { WebSocket } from "ws";
import { type ClientChannel, connect, type ConnectOptions } from "../../src/client.ts";
import { createSessions, type SessionChannel, type Sessions, type SessionsOptions } from "../../src/index.ts";
import { createFaultProxy, type FaultProxy } from "../../src/testing.ts";
import { setServer, type TestServer } from "../server/set-server.ts";
import { Recorder } from "../support/recorder.ts";

/** A real server behind a proxy. */
export type Site = TestServer & {
  readonly proxy: FaultProxy;
  readonly sessions: Sessions<string | undefined>;
  /** What the server saw: `open` (channel), `receive` (message), `close` (status, detail). */
  readonly log: Recorder;
};

/** Its sessions answer each message with the same. */
export async function setSite(
  t: TestContext,
  options: SessionsOptions<string | undefined> = {},
  port?: number,
): Promise<Site> {
  const log = new Recorder();
  const sessions = createSessions<string | undefined>(options);
  const use = (channel: SessionChannel<string | undefined>): void => {
    log.record("open", channel);
    channel.onReceive((message) => {
      log.record("receive", message);
      channel.send(message);
    });
    channel.onClose((status, detail) => log.record("close", status, detail));
  };
  const handler = (request: Request): Response | Promise<Response> => sessions.accept(request, use);
  const set = await setServer(t, handler, port === undefined ? {} : { port });
  const proxy = await createFaultProxy({ target: { port: set.port } });
  t.after(() => proxy.close());
  return { ...set, proxy, sessions, log };
}

/** A client under test, and what it told: `receive` (message), `status` (status), `close` (status, detail). */
export type Client = { readonly channel: ClientChannel; readonly log: Recorder };

/** Dials. The channel ends with the test. */
export function dial(t: TestContext, url: string, options: ConnectOptions = {}): Client {
  const channel = connect(url, { WebSocket, resumeWindowMs: 500, ...options });
  const log = new Recorder();
  channel.onReceive(log.as("receive"));
  channel.onStatus((status) => log.record(status.state, status));
  channel.onClose(log.as("close"));
  t.after(() => channel.close());
  return { channel, log };
}

/** All that a client received. */
export const received = ({ log }: Client): unknown[] => log.of("receive").map(({ args }) => args[0]);
