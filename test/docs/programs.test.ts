import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { root } from "../architecture/source.ts";
import { runProgram } from "../support/child.ts";
import { eventually } from "../support/expect.ts";

type Program = {
  readonly name: string;
  /** Where it is put: inside the project, where Node resolves "channelkit" to the built package. */
  readonly file: string;
  readonly code: string;
  readonly language: string;
  /** What the document says that it prints; without that, it prints where it listens. */
  readonly output: string | undefined;
};

const folder = join(root, "build", "docs");
const programs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".md"))
  .toSorted()
  .flatMap(programsOf);

/** Every block of JavaScript or TypeScript is a whole program, so that it can be pasted, and run here. */
describe("the programs in docs/", () => {
  before(() => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const { file, code, language } of programs) {
      writeFileSync(language === "ts" ? file.replace(/mjs$/, "mts") : file, code.replaceAll(/\b9090\b/g, "0"));
    }
  });

  it("compile under strict TypeScript, where they have types", () => {
    const files = programs.filter(({ language }) => language === "ts").map(({ file }) => file.replace(/mjs$/, "mts"));
    const strictness = ["--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes", "--noUnusedLocals"];
    const language = [
      "--ignoreConfig",
      "--target",
      "es2023",
      "--lib",
      "es2023",
      "--module",
      "nodenext",
      "--types",
      "node",
    ];
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const parameters = [tsc, ...language, ...strictness, "--rootDir", root, "--outDir", root, ...files];
    execFileSync(process.execPath, parameters, { cwd: root, stdio: "inherit" });
  });

  for (const { name, file, output } of programs) {
    it(name, async () => {
      const readyPattern = output === undefined ? /^(?:http:\/\/127\.0\.0\.1:\d+|\d+)$/ : /^/;
      const program = await runProgram(file, { readyPattern });
      try {
        if (output !== undefined) await eventually(() => assert.equal(program.output(), output), { timeoutMs: 5000 });
      } finally {
        await program.stop("SIGKILL");
      }
    });
  }
});

function programsOf(path: string): Program[] {
  const text = readFileSync(join(root, "docs", path), "utf8");
  const blocks = text.matchAll(/^```(js|ts)\n([\s\S]*?)^```$(?:\n\nIt prints:\n\n```text\n([\s\S]*?)^```$)?/gm);
  return [...blocks].map(([, language = "", code = "", output], index) => ({
    name: `${output === undefined ? "run" : "print what is said"}: number ${index + 1} of docs/${path}`,
    file: join(folder, `${path.replaceAll(/\W/g, "-")}-${index}.mjs`),
    code,
    language,
    output,
  }));
}
