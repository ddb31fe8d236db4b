import assert from "node:assert/strict";
import {
  type ChannelError,
  createSessions,
  type ServeOptions,
  type SessionChannel,
  type Server,
  type Sessions,
  type SessionsOptions,
} from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { deferred } from "../support/expect.ts";
import { Recorder } from "../support/recorder.ts";
import { type AttachedRecord, isControl } from "./session-client.ts";

/** A server whose sessions echo, with what it noted. */
export type SessionServer<User> = {
  readonly server: Server;
  readonly port: number;
  readonly errors: ChannelError[];
  readonly log: Recorder;
  readonly channels: SessionChannel<User>[];
  readonly sessions: Sessions<User>;
};

/** Starts a server for a test. Its sessions note each message and echo it, and note their ends. */
export async function setSessions<User = undefined>(
  t: Parameters<typeof setServer>[0],
  options: SessionsOptions<User> = {},
  serveOptions: ServeOptions = {},
): Promise<SessionServer<User>> {
  const log = new Recorder();
  const channels: SessionChannel<User>[] = [];
  const sessions = createSessions<User>(options);
  const use = (channel: SessionChannel<User>): void => {
    channels.push(channel);
    channel.onReceive((message) => {
      log.record("message", message);
      channel.send(message);
    });
    channel.onClose((status, detail) => log.record("close", status, detail));
  };
  const handler = (request: Request): Response | Promise<Response> => sessions.accept(request, use);
  const { server, port, errors } = await setServer(t, handler, serveOptions);
  return { server, port, errors, log, channels, sessions };
}

/** A server whose receive handler is done with each message only when its gate opens. Two more may wait for it. */
export async function setGated(t: Parameters<typeof setServer>[0], limits: SessionsOptions<undefined>["limits"] = {}) {
  const gate = deferred();
  const received: unknown[] = [];
  const sessions = createSessions({ limits });
  const use = (channel: SessionChannel): void =>
    channel.onReceive((message) => {
      received.push(message);
      if (message === "answer") channel.send("answered");
      return gate.promise;
    });
  const { port } = await setServer(t, (request) => sessions.accept(request, use), { limits: { maxQueuedMessages: 2 } });
  return { port, gate, received };
}

/** The messages that came, in their order. */
export function messagesOf(log: Recorder): unknown[] {
  return log.of("message").map(({ args }) => args[0]);
}

/** The answer to an attach, with which a response begins. */
export function attachedOf(records: readonly Parameters<typeof isControl>[0][]): AttachedRecord {
  const [first] = records;
  assert.ok(isControl(first) && first.type === "attached", JSON.stringify(first));
  return first;
}
