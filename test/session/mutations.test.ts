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
    file: "base-session",
    from: "this.written = Math.max(this.written, number);",
    to: "this.written = this.peerHas = Math.max(this.written, number);",
  },
  {
    name: "takes what it has already",
    file: "base-session",
    from: "|| number <= this.received)",
    to: "|| false)",
  },
  {
    name: "replays from one too late",
    file: "server-session",
    from: "Math.max(received, this.peerHas) + 1",
    to: "Math.max(received, this.peerHas) + 2",
  },
  {
    name: "replays from one too late, at the client",
    file: "client-session",
    from: "attachment.nextOutgoing = answer.received + 1",
    to: "attachment.nextOutgoing = answer.received + 2",
  },
  {
    name: "replays from one too early",
    file: "server-session",
    from: "Math.max(received, this.peerHas) + 1",
    to: "Math.max(received, this.peerHas)",
  },
  {
    name: "acknowledges one too many",
    file: "base-session",
    from: 'write({ type: "ack", received: this.takeReceived() })',
    to: 'write({ type: "ack", received: this.takeReceived() + 1 })',
  },
  {
    name: "says in an attach that it has one more",
    file: "client-session",
    from: "received: this.received,",
    to: "received: this.received + 1,",
  },
  {
    name: "listens to a transport that was left",
    file: "base-session",
    from: "if (attachment !== this.current)\n            return false;",
    to: "",
  },
  {
    name: "forgets what the present transport has not come to",
    file: "base-session",
    from: "Math.min(this.peerHas + 1, this.current?.nextOutgoing ?? this.outgoing.next)",
    to: "this.peerHas + 1",
  },
  {
    name: "lets a late attach take over",
    file: "session-registry",
    from: "record.attach <= this.#highestAttachOf(record.session, named, owner)",
    to: "false",
  },
  {
    name: "takes a copy of a poll for a poll",
    file: "server-session",
    from: "|| poll <= this.#highestPoll",
    to: "",
  },
  {
    name: "numbers a request from where it is, and not from what it says",
    file: "server-session",
    from: "this.accept(first + index, message)",
    to: "this.accept(this.received + 1, message)",
  },
  {
    name: "opens a session for each attach of a key",
    file: "session-registry",
    from: "const opened = this.#byKey.get(key)",
    to: "const opened = undefined",
  },
  {
    name: "adopts the answer to an attach that is not its latest",
    file: "client-session",
    from: "if (isGap || !isLatest)",
    to: "if (isGap)",
  },
  {
    name: "resumes what it does not know",
    file: "server-session",
    from: "resumed: reset === undefined",
    to: "resumed: true",
  },
  {
    name: "keeps what may have arrived for the next session",
    file: "base-session",
    from: "this.outgoing.forgetBefore(this.written + 1);\n        this.outgoing.renumber();",
    to: "this.outgoing.renumber();",
  },
  {
    name: "keeps more and more for a client that is away",
    file: "server-session",
    from: "if (isOverLimit && isBeyond)",
    to: "if (false)",
  },
  {
    name: "never lets a session expire",
    file: "gone-sessions",
    from: 'session.drop("expired")',
    to: "",
  },
  {
    name: "tells of an end twice",
    file: "base-session",
    from: "if (wasOpen)\n            this.events.closed(end)",
    to: "this.events.closed(end)",
  },
  {
    name: "drops a secret before the next one is used",
    file: "resume-secret",
    from: "this.#previous ??= this.#present;",
    to: "",
  },
  {
    name: "hears no silence",
    file: "liveness",
    from: "this.#options.lost();",
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
    for (const part of ["src/channel", "src/protocol", "src/session", "src/testing", "test/session", "test/support"]) {
      cpSync(join(compiled, part), join(folder, part), { recursive: true });
    }
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    if (mutation !== undefined) mutate(join(folder, "src", "session", `${mutation.file}.js`), mutation);
    const url = pathToFileURL(join(folder, "test", "session", "run-model.js")).href;
    const { runModel } = (await import(url)) as { runModel: (seed: number) => unknown };
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
