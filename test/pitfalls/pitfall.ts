import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import * as channelkit from "../../src/index.ts";
import { runProgram } from "../support/child.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { createApplication, type TestChannel } from "./application.ts";
import * as naive from "./naive-port.ts";

/** A server under test: the library or the naive port, with the same application behind it. */
export type Target = {
  readonly port: number;
  readonly log: Recorder;
  /** The channel of the request for this path, as soon as the application has it. */
  readonly channel: (path: string) => Promise<TestChannel>;
  readonly stop: (options: { timeoutMs: number }) => Promise<unknown>;
};

export type Pitfall = {
  readonly check: (target: Target) => Promise<void>;
  /** What the check says of the naive port: it must fail for the reason that it is there for. */
  readonly naive: RegExp;
  readonly limits?: Partial<channelkit.Limits>;
  /** The fault ends the process of the naive port, which therefore has one of its own, without records. */
  readonly isFatal?: boolean;
};

/** One check, which the library passes and the naive port does not. */
export function pitfall(name: string, { check, naive: failure, limits, isFatal = false }: Pitfall): void {
  test(`channelkit: ${name}`, () => runOnChannelkit(check, limits));
  test(`the naive port fails: ${name}`, async () => {
    const run = isFatal ? runOnNaiveProgram : runOnNaivePort;
    await assert.rejects(run(check), (error: Error) => {
      assert.match(error.message, failure);
      return true;
    });
  });
}

async function runOnChannelkit(check: Pitfall["check"], limits: Partial<channelkit.Limits> = {}): Promise<void> {
  const log = new Recorder();
  const application = createApplication((request, use) => channelkit.withChannel(request, use), log);
  const server = await channelkit.serve(application, { port: 0, limits, onError: () => undefined });
  try {
    await check(targetOf(server.port, log, (options) => server.stop(options)));
  } finally {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
  }
}

async function runOnNaivePort(check: Pitfall["check"]): Promise<void> {
  const log = new Recorder();
  const server = await naive.serve(createApplication(naive.withChannel, log), { port: 0 });
  try {
    await check(targetOf(server.port, log, (options) => server.stop(options)));
  } finally {
    destroyOpenClients();
    server.destroy();
  }
}

async function runOnNaiveProgram(check: Pitfall["check"]): Promise<void> {
  const file = join(import.meta.dirname, "naive-program.js");
  const program = await runProgram(file, { readyPattern: /^port (\d+)$/ });
  const stop = async (): Promise<unknown> => program.stop("SIGKILL");
  try {
    await check(targetOf(Number(program.ready?.[1]), new Recorder(), stop));
  } finally {
    destroyOpenClients();
    await stop();
  }
}

function targetOf(port: number, log: Recorder, stop: Target["stop"]): Target {
  const channel: Target["channel"] = async (path) => (await log.waitFor(`open ${path}`)).args[0] as TestChannel;
  return { port, log, channel, stop };
}
