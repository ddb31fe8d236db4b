// @ts-check
/** How the processes talk: one line of JSON for a command on standard input, one for its answer on standard output. */

import { spawn } from "node:child_process";
import { basename } from "node:path";
import { createInterface } from "node:readline";

/** @param {(command: unknown) => unknown} run */
export function answerCommands(run) {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    void Promise.resolve(run(JSON.parse(line))).then((answer) => console.log(JSON.stringify(answer)));
  });
  lines.on("close", () => process.exit());
}

/** A process of the suite. It ends with its standard input, so none is left behind. */
export class Process {
  #child;
  #name;
  #isEnded = false;
  /** @type {((line: string) => void)[]} */
  #waiting = [];

  /**
   * @param {string} program
   * @param {string[]} parameters
   * @param {Record<string, string>} [env]
   */
  constructor(program, parameters, env = {}) {
    const words = parameters.filter((word) => !/^(?:--|\{)/.test(word));
    this.#name = [program, ...words].map((word) => basename(word)).join(" ");
    // A group of its own: what Ctrl-C interrupts is the run, and not a server that the run then misses.
    this.#child = spawn(program, parameters, {
      stdio: ["pipe", "pipe", "inherit"],
      detached: true,
      env: { ...process.env, ...env },
    });
    this.#child.on("error", (error) => this.#giveUp(`does not start: ${error.message}`));
    this.#child.stdin.on("error", () => undefined); // of a process that has ended, which is told by the next line
    this.#child.on("exit", (code, signal) => this.#giveUp(`ended unasked: ${signal ?? `exit code ${code}`}`));
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#waiting.shift()?.(line));
  }

  get pid() {
    return /** @type {number} */ (this.#child.pid);
  }

  /**
   * @template Answer what that process answers to this command
   * @param {object} command
   * @returns {Promise<Answer>}
   */
  ask(command) {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    return new Promise((resolve) => {
      this.#waiting.push((line) => resolve(/** @type {Answer} */ (JSON.parse(line))));
    });
  }

  /** A run in which a process is missing has no figures. @param {string} what */
  #giveUp(what) {
    if (this.#isEnded) return;
    console.error(`${this.#name} ${what}`);
    process.exit(1);
  }

  end() {
    this.#isEnded = true;
    this.#child.kill("SIGKILL");
  }
}
