// @ts-check
/** How the processes talk: one line of JSON for a command on standard input, one for its answer on standard output. */

import { spawn } from "node:child_process";
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
    this.#name = parameters.join(" ");
    const stdio = /** @type {const} */ (["pipe", "pipe", "inherit"]);
    this.#child = spawn(program, parameters, { stdio: [...stdio], env: { ...process.env, ...env } });
    this.#child.on("exit", (code, signal) => {
      if (this.#isEnded) return;
      console.error(`${this.#name} ended: ${signal ?? code}`);
      process.exit(1);
    });
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
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    return new Promise((resolve) => {
      this.#waiting.push((line) => resolve(/** @type {Answer} */ (JSON.parse(line))));
    });
  }

  end() {
    this.#isEnded = true;
    this.#child.kill("SIGKILL");
  }
}
