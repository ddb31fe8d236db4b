import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { pathToFileURL } from "node:url";

/** A fault that is put into one file, and the name of what it breaks. */
type Mutation = { readonly name: string; readonly file: string; readonly from: string; readonly to: string };

const mutations: readonly Mutation[] = [
  {
    name: "forgets a message when it is written",
    file: "session/base-session",
    from: "this.written = Math.max(this.written, number);",
    to: "this.written = this.peerHas = Math.max(this.written, number);",
  },
  {
    name: "takes what it has already",
    file: "session/base-session",
    from: "|| number <= this.received)",
    to: "|| false)",
  },
  {
    name: "replays from one too late",
    file: "session/server-session",
    from: "Math.max(received, this.peerHas) + 1",
    to: "Math.max(received, this.peerHas) + 2",
  },
  {
    name: "replays from one too late, at the client",
    file: "client/create-client-session",
    from: "transport.nextOutgoing = record.received + 1",
    to: "transport.nextOutgoing = record.received + 2",
  },
  {
    name: "replays from one too early",
    file: "session/server-session",
    from: "Math.max(received, this.peerHas) + 1",
    to: "Math.max(received, this.peerHas)",
  },
  {
    name: "acknowledges one too many",
    file: "session/base-session",
    from: 'write({ type: "ack", received: this.takeReceived() })',
    to: 'write({ type: "ack", received: this.takeReceived() + 1 })',
  },
  {
    name: "says in an attach that it has one more",
    file: "client/create-client-session",
    from: "attach: latestAttach,\n            received,",
    to: "attach: latestAttach, received: received + 1,",
  },
  {
    name: "listens to a transport that was left",
    file: "session/base-session",
    from: "if (attachment !== this.current)\n            return false;",
    to: "",
  },
  {
    name: "forgets what the present transport has not come to",
    file: "session/base-session",
    from: "Math.min(this.peerHas + 1, this.current?.nextOutgoing ?? this.outgoing.next)",
    to: "this.peerHas + 1",
  },
  {
    name: "lets a late attach take over",
    file: "session/session-registry",
    from: "record.attach <= this.#highestAttachOf(record.session, named, owner)",
    to: "false",
  },
  {
    name: "takes a copy of a poll for a poll",
    file: "session/server-session",
    from: "|| poll <= this.#highestPoll",
    to: "",
  },
  {
    name: "numbers a request from where it is, and not from what it says",
    file: "session/server-session",
    from: "this.accept(first + index, message)",
    to: "this.accept(this.received + 1, message)",
  },
  {
    name: "opens a session for each attach of a key",
    file: "session/session-registry",
    from: "const opened = this.#byKey.get(key)",
    to: "const opened = undefined",
  },
  {
    name: "adopts the answer to an attach that is not its latest",
    file: "client/create-client-session",
    from: "if (isLatest && fits)",
    to: "if (fits)",
  },
  {
    name: "resumes what it does not know",
    file: "session/server-session",
    from: "resumed: reset === undefined",
    to: "resumed: true",
  },
  {
    name: "keeps what may have arrived for the next session",
    file: "client/create-client-session",
    from: "forget(written - peerHas);",
    to: "",
  },
  {
    name: "keeps more and more for a client that is away",
    file: "session/server-session",
    from: "if (isOverLimit && isBeyond)",
    to: "if (false)",
  },
  {
    name: "keeps more and more for all clients that are there",
    file: "session/server-session",
    from: "this.#keeper.crowded();",
    to: "0;",
  },
  {
    name: "counts a client that has left among those that are there",
    file: "session/server-session",
    from: "this.outgoing.countIn(undefined);",
    to: "",
  },
  {
    name: "does not count what a client has to come back to",
    file: "session/server-session",
    from: "this.outgoing.countIn(this.#keeper.present);",
    to: "",
  },
  {
    name: "counts what is acknowledged",
    file: "session/replay-buffer",
    from: "this.#addShare(-share);",
    to: "",
  },
  {
    name: "never lets a session expire",
    file: "session/gone-sessions",
    from: 'session.drop("expired")',
    to: "",
  },
  {
    name: "tells of an end twice",
    file: "session/base-session",
    from: "if (wasOpen)\n            this.events.closed(end)",
    to: "this.events.closed(end)",
  },
  {
    name: "drops a secret before the next one is used",
    file: "session/resume-secret",
    from: "this.#previous ??= this.#present;",
    to: "",
  },
  {
    name: "forgets a message that is written when another one is acknowledged, at the client",
    file: "client/create-client-session",
    from: "forget(number - peerHas);",
    to: "forget(written - peerHas);",
  },
  {
    name: "takes what it has already, at the client",
    file: "client/create-client-session",
    from: "transport.nextIncoming++ > received",
    to: "transport.nextIncoming++ > 0",
  },
  {
    name: "acknowledges one too many, at the client",
    file: "client/create-client-session",
    from: 'write({ type: "ack", received: takeReceived() })',
    to: 'write({ type: "ack", received: takeReceived() + 1 })',
  },
  {
    name: "listens to a transport that was left, at the client",
    file: "client/create-client-session",
    from: "const counts = transport === carrier;",
    to: "const counts = true;",
  },
  {
    name: "polls for what comes behind what it had at its attach",
    file: "client/create-client-session",
    from: "transport.nextIncoming = received + 1;",
    to: "",
  },
  {
    name: "tells of an end twice, at the client",
    file: "client/create-client-session",
    from: "if (!end) {",
    to: "if (true) {",
  },
  {
    name: "hears no silence, at the client",
    file: "client/create-client-session",
    from: 'carrier?.detach(silent, "silent")',
    to: "0",
  },
  {
    name: "hears no silence",
    file: "session/liveness",
    from: "this.#watched.lost();",
    to: "0;",
  },
];

const mostRuns = 2000;
const scratch = mkdtempSync(join(tmpdir(), "channelkit-mutations-"));
after(() => rmSync(scratch, { recursive: true }));

describe("the model finds an engine that", () => {
  const compiled = join(import.meta.dirname, "..", "..");
  for (const mutation of mutations) {
    it(mutation.name, async (t) => {
      const found = await runMutated(mutation);
      assert.ok(found !== undefined, `${mostRuns} runs found nothing`);
      t.diagnostic(found);
    });
  }

  it("is changed, and nothing in the one that is not", async () => {
    assert.equal(await runMutated(undefined), undefined);
  });

  async function runMutated(mutation: Mutation | undefined): Promise<string | undefined> {
    const folder = mkdtempSync(join(scratch, "engine-"));
    for (const part of [
      "src/channel",
      "src/client",
      "src/protocol",
      "src/session",
      "src/testing",
      "test/session",
      "test/support",
    ]) {
      cpSync(join(compiled, part), join(folder, part), { recursive: true, filter: (path) => !path.endsWith(".map") });
    }
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    if (mutation !== undefined) mutate(join(folder, "src", `${mutation.file}.js`), mutation);
    const url = pathToFileURL(join(folder, "test", "session", "run-model.js")).href;
    const { runModel } = (await import(url)) as { runModel: (seed: number) => unknown };
    rmSync(folder, { recursive: true });
    for (let seed = 0; seed < mostRuns; seed += 1) {
      try {
        runModel(seed);
      } catch (cause) {
        return `found after ${seed + 1} runs: ${cause instanceof Error ? cause.message : String(cause)}`;
      }
    }
    return undefined;
  }
});

function mutate(path: string, { from, to }: Mutation): void {
  const text = readFileSync(path, "utf8");
  assert.equal(text.split(from).length, 2, `there is "${from}" once`);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
}
