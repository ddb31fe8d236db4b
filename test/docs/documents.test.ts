import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, it } from "node:test";
import { defaultHistoryLimits, defaultLimits } from "../../src/index.ts";
import { isNode, readSources, root } from "../architecture/source.ts";
import { runProgram } from "../support/child.ts";

const read = (path: string): string => readFileSync(join(root, path), "utf8");
const inDocs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" }).map((path) => `docs/${path}`);
const documents = [...readdirSync(root), ...inDocs].filter((path) => path.endsWith(".md")).toSorted();

describe("the documents", () => {
  it("that are generated are up to date: else type npm run docs", () => {
    execFileSync(process.execPath, [join(root, "scripts", "generate-docs.mjs"), "--check"], { stdio: "pipe" });
  });

  it("list every limit", () => {
    const page = read("docs/limits.md");
    for (const name of Object.keys({ ...defaultLimits, ...defaultHistoryLimits }))
      assert.ok(page.includes(`\`${name}\``), name);
  });

  it("have a heading for every error code, and for no other", () => {
    const headings = [...read("docs/errors.md").matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(headings, errorCodes());
  });

  it("number every rule once, in order", () => {
    const rules = read("docs/guarantees.txt")
      .trim()
      .split("\n")
      .map((line) => line.split(" ", 1)[0]);
    const wanted = [...numbered("C", 152), ...numbered("S", 36), ...numbered("CS", 6)];
    assert.deepEqual(rules, wanted);
  });

  it("number decisions from 1, each in the same four parts", () => {
    const decisions = documents.filter((path) => path.startsWith("docs/decisions/"));
    for (const [index, path] of decisions.entries()) {
      const text = read(path);
      assert.ok(basename(path).startsWith(`${String(index + 1).padStart(4, "0")}-`), path);
      assert.ok(text.startsWith(`# ${index + 1}. `), path);
      const parts = [...text.matchAll(/^\*\*(.+)\.\*\*/gm)].map(([, part]) => part);
      assert.deepEqual(parts, ["Context", "Decision", "Consequences", "What would change it"], path);
    }
  });

  it("link only to what is there", () => {
    const broken = documents.flatMap((path) => brokenLinks(path).map((link) => `${path}: ${link}`));
    assert.deepEqual(broken, []);
  });

  it("name only modules that are there, where ARCHITECTURE.md tells the paths", () => {
    const modules = new Set(readSources().map(({ path }) => basename(path, ".ts")));
    const [, paths = ""] = /^## Paths\n([\s\S]*?)^## /m.exec(read("ARCHITECTURE.md")) ?? [];
    const named = [...paths.matchAll(/`([a-z][a-z-]+)`/g)].map(([, name = ""]) => name);
    assert.ok(named.length > 10);
    assert.deepEqual(
      named.filter((name) => name !== "ws" && !modules.has(name)),
      [],
    );
  });
});

describe("the programs in docs/", () => {
  const folder = join(root, "build", "docs");
  const programs = inDocs.filter((path) => path.endsWith(".md")).flatMap(programsOf);

  for (const [index, { path, code }] of programs.entries()) {
    it(`run: the one of ${path} that begins with ${JSON.stringify(code.split("\n", 1)[0])}`, async () => {
      mkdirSync(folder, { recursive: true });
      const file = join(folder, `${index}.mjs`);
      writeFileSync(file, code.replaceAll(/\b9090\b/g, "0"));
      const program = await runProgram(file, { readyPattern: /^(?:http:\/\/127\.0\.0\.1:\d+|\d+)$/ });
      await program.stop("SIGKILL");
    });
  }
});

function programsOf(path: string): { path: string; code: string }[] {
  return [...read(path).matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => ({ path, code }));
}

function numbered(letters: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${letters}${index + 1}`);
}

/** The keys of `ErrorDetails`, in their order. */
function errorCodes(): string[] {
  const errors = readSources().find(({ path }) => path === "channel/errors.ts");
  const declaration = errors?.nodes.find(({ type, id }) => {
    return type === "TSTypeAliasDeclaration" && isNode(id) && id["name"] === "ErrorDetails";
  });
  const type = declaration?.["typeAnnotation"];
  const members = isNode(type) && Array.isArray(type["members"]) ? type["members"].filter(isNode) : [];
  return members.map(({ key }) => (isNode(key) ? String(key["name"]) : ""));
}

function brokenLinks(path: string): string[] {
  const links = [...read(path).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
  return links.filter((link) => {
    if (/^https?:/.test(link)) return false;
    const [file = "", anchor] = link.split("#");
    const target = join(dirname(path), file);
    if (!existsSync(join(root, target))) return true;
    return anchor !== undefined && !anchorsOf(target).includes(anchor);
  });
}

/** As GitHub makes them of headings. */
function anchorsOf(path: string): string[] {
  const headings = [...read(path).matchAll(/^#+ (.+)$/gm)];
  return headings.map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .replaceAll(" ", "-"),
  );
}
