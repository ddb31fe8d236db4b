import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { Condition } from "./condition.ts";

export type Exit = { code: number | null; signal: NodeJS.Signals | null };

export type RunOptions = {
  args?: readonly string[];
  /** Options for Node itself, before the file. */
  nodeArgs?: readonly string[];
  /** Added to this process's environment; undefined removes. */
  env?: Readonly<Record<string, string | undefined>>;
  cwd?: string;
  nodePath?: string;
  /** A whole line of stdout that says the program is ready. Without it, started is ready. */
  readyPattern?: RegExp;
  timeoutMs?: number;
};

export type RunningProgram = {
  process: ChildProcess;
  /** The match of the ready line, for example to take a port from its groups. */
  ready: RegExpMatchArray | undefined;
  /** Everything on stdout and stderr so far, in order of arrival. */
  output(): string;
  /** Sends the signal, and SIGKILL when the program is still there after the time. */
  stop(signal?: NodeJS.Signals, options?: { timeoutMs?: number }): Promise<Exit>;
  exited: Promise<Exit>;
};

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL"); // a failed test must not leave servers behind
});

/** Runs a Node program in a process of its own and resolves when it is ready. */
export async function runProgram(file: string, options: RunOptions = {}): Promise<RunningProgram> {
  const { args = [], nodeArgs = [], cwd = process.cwd(), nodePath = process.execPath, timeoutMs = 10_000 } = options;
  const env = { ...process.env, ...options.env };
  delete env["NODE_TEST_CONTEXT"]; // else a child that uses node:test reports to our own runner
  const child = spawn(nodePath, [...nodeArgs, file, ...args], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const { condition, state, exited } = watch(child);
  const failure = (what: string): Error => new Error(`${file} ${what}; output:\n${state.output || "(none)"}`);
  const { readyPattern } = options;
  const attempt = (): { match: RegExpMatchArray | undefined } | undefined => {
    if (state.error !== undefined) throw failure(`did not start: ${state.error.message}`);
    if (readyPattern === undefined) return child.pid === undefined ? undefined : { match: undefined };
    const lines = state.stdout.split("\n").slice(0, -1);
    for (const line of lines) {
      const match = line.match(readyPattern);
      if (match !== null) return { match };
    }
    if (state.exit !== undefined) throw failure(`ended before it was ready: ${JSON.stringify(state.exit)}`);
    return undefined;
  };
  const atTimeout = (): never => {
    child.kill("SIGKILL");
    throw failure(`was not ready in ${timeoutMs} ms`);
  };
  const { match } = await condition.until(attempt, { timeoutMs, atTimeout });
  return { process: child, ready: match, output: () => state.output, stop: stopper(child, exited), exited };
}

type State = { stdout: string; output: string; exit: Exit | undefined; error: Error | undefined };

function watch(child: ChildProcess): { condition: Condition; state: State; exited: Promise<Exit> } {
  const condition = new Condition();
  const state: State = { stdout: "", output: "", exit: undefined, error: undefined };
  running.add(child);
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    state.stdout += text;
    state.output += text;
    condition.changed();
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => void (state.output += text));
  child.on("error", (error) => {
    state.error ??= error;
    condition.changed();
  });
  const exited = new Promise<Exit>((resolve) => {
    child.on("close", (code, signal) => {
      running.delete(child);
      state.exit = { code, signal };
      condition.changed();
      resolve(state.exit);
    });
  });
  return { condition, state, exited };
}

function stopper(child: ChildProcess, exited: Promise<Exit>): RunningProgram["stop"] {
  return async (signal = "SIGTERM", { timeoutMs = 5000 } = {}) => {
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    const exit = await exited;
    clearTimeout(timer);
    return exit;
  };
}
