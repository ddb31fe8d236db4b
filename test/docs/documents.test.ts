import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import { defaultClientLimits } from "../../src/channel/client-limits.ts";
import { defaultHistoryLimits, defaultLimits, defaultSessionLimits, defaultStoreLimits } from "../../src/index.ts";
import { isNode, nodesIn, readSources, root } from "../architecture/source.ts";
import { deadLinks } from "../support/dead-links.ts";

const read = (path: string): string => readFileSync(join(root, path), "utf8");
const inDocs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" }).map((path) => `docs/${path}`);
const documents = [...readdirSync(root), "bench/README.md", ...inDocs]
  .filter((path) => path.endsWith(".md"))
  .toSorted();

describe("the documents", () => {
  it("that are generated are up to date: else type npm run docs", () => {
    execFileSync(process.execPath, [join(root, "scripts", "generate-docs.mjs"), "--check"], { stdio: "pipe" });
  });

  it("list every limit", () => {
    const page = read("docs/limits.md");
    const all = [defaultLimits, defaultStoreLimits, defaultHistoryLimits, defaultSessionLimits, defaultClientLimits];
    for (const name of all.flatMap((limits) => Object.keys(limits))) assert.ok(page.includes(`\`${name}\``), name);
  });

  it("have a heading for every error code, and for no other", () => {
    const headings = [...read("docs/errors.md").matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(headings, membersOf("ErrorDetails"));
  });

  it("name every value that is exported, every option and every member of a channel", () => {
    const text =
      inDocs
        .filter((path) => path.endsWith(".md"))
        .map(read)
        .join("\n") + read("README.md");
    const names = [
      ...["index.ts", "client.ts", "websocket.ts", "testing.ts"].flatMap(valuesOf),
      ...["Channel", "ServeOptions", "ListenerOptions", "StopOptions"].flatMap(membersOf),
      ...["SessionsOptions", "Sessions", "AcceptOptions", "SessionChannel", "ClientChannel", "ConnectOptions"].flatMap(
        membersOf,
      ),
      ...["FaultProxy", "FaultProxyOptions", "StoreOptions", "JoinOptions", "BroadcastOptions"].flatMap(membersOf),
    ];
    assert.ok(names.length > 30, names.join());
    assert.deepEqual(
      names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text)),
      [],
    );
  });

  it("tell of every close status", () => {
    const page = read("docs/channel.md");
    const { text = "" } = readSources().find(({ path }) => path === "channel/status.ts") ?? {};
    const [, union = ""] = /export type CloseStatus =([^;]+);/.exec(text) ?? [];
    const statuses = [...union.matchAll(/"([a-z-]+)"/g)].map(([, status = ""]) => status);
    assert.ok(statuses.length > 10);
    assert.deepEqual(
      statuses.filter((status) => !page.includes(`\`${status}\``)),
      [],
    );
  });

  it("tell of every gate of npm run check", () => {
    const page = read("CONTRIBUTING.md");
    const gates = [...read("scripts/check.mjs").matchAll(/\{ name: "(\w+)"/g)].map(([, name]) => `\`${name}\``);
    assert.ok(gates.length > 5);
    assert.deepEqual(
      gates.filter((gate) => !page.includes(gate)),
      [],
    );
  });

  it("tell of every folder of test/", () => {
    const page = read("CONTRIBUTING.md");
    const folders = readdirSync(join(root, "test"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    assert.deepEqual(
      folders.map(({ name }) => `test/${name}`).filter((path) => !page.includes(`\`${path}\``)),
      [],
    );
  });

  it("number every rule once, in order", () => {
    const rules = read("docs/guarantees.txt")
      .trim()
      .split("\n")
      .map((line) => line.split(" ", 1)[0]);
    const wanted = [...numbered("C", 152), ...numbered("S", 36), ...numbered("CS", 6), ...numbered("P", 59)];
    assert.deepEqual(rules, wanted);
  });

  it("know a test for every rule, and for a pitfall at least why there is none", () => {
    const rows = [...read("docs/guarantees.md").matchAll(/^\| ([A-Z]+\d+) \| .* \| (.*) \|$/gm)];
    const missing = rows.filter(([, , tests]) => tests === "–").map(([, rule]) => rule);
    assert.equal(missing.join(" "), "");
    assert.ok(rows.length > 250);
    const untested = rows.filter(([, , tests = ""]) => !tests.includes("](../test/")).map(([, rule]) => rule);
    assert.deepEqual(untested, ["P25", "P55", "P56", "P57", "P58", "P59"], "excused from tests");
  });

  it("number decisions, each by a number of its own and in the same four parts", () => {
    const decisions = documents.filter((path) => path.startsWith("docs/decisions/"));
    const numbers = decisions.map((path) => basename(path).slice(0, 5));
    assert.equal(new Set(numbers).size, decisions.length);
    for (const path of decisions) {
      const text = read(path);
      const [, number = ""] = /^(\d{4})-/.exec(basename(path)) ?? [];
      assert.ok(text.startsWith(`# ${Number(number)}. `), path);
      const parts = [...text.matchAll(/^\*\*(.+)\.\*\*/gm)].map(([, part]) => part);
      assert.deepEqual(parts, ["Context", "Decision", "Consequences", "What would change it"], path);
    }
  });

  it("link only to what is there", () => {
    const broken = documents.flatMap((path) => deadLinks(root, path).map((link) => `${path}: ${link}`));
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

function numbered(letters: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${letters}${index + 1}`);
}

/** The members of a type, in their order; of an intersection those that it adds. */
function membersOf(typeName: string): string[] {
  const nodes = readSources().flatMap((source) => source.nodes);
  const declaration = nodes.find(({ type, id }) => {
    return type === "TSTypeAliasDeclaration" && isNode(id) && id["name"] === typeName;
  });
  const type = declaration?.["typeAnnotation"];
  const parts = isNode(type) ? [type, ...nodesIn(type["types"])] : [];
  const members = parts.flatMap((part) => nodesIn(part["members"]));
  return members.map(({ key }) => (isNode(key) ? String(key["name"]) : ""));
}

/** What an entry point exports that is there at run time. */
function valuesOf(entry: string): string[] {
  const index = readSources().find(({ path }) => path === entry);
  const exported =
    index?.nodes.filter(({ type, exportKind }) => type === "ExportSpecifier" && exportKind !== "type") ?? [];
  const typesOnly =
    index?.nodes.filter(({ type, exportKind }) => type === "ExportNamedDeclaration" && exportKind === "type") ?? [];
  const isInTypes = (start: number): boolean =>
    typesOnly.some((node) => start > node.start && start < Number(node["end"]));
  return exported
    .filter(({ start }) => !isInTypes(start))
    .map(({ local }) => (isNode(local) ? String(local["name"]) : ""));
}
