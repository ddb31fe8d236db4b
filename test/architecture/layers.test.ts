import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, it } from "node:test";
import { isNode, locate, parse, readSources, root } from "./source.ts";
import type { Source, SyntaxNode } from "./source.ts";

/** For each folder of src/, the folders that it may import. */
type Layers = ReadonlyMap<string, ReadonlySet<string>>;

describe("the layers of ARCHITECTURE.md", () => {
  const layers = readLayers(readFileSync(join(root, "ARCHITECTURE.md"), "utf8"));
  const sources = readSources();

  it("name every folder of src/, and no other", () => {
    const inSource = new Set(sources.map(({ path }) => folderOf(path)).filter((folder) => folder !== ""));
    assert.deepEqual(
      [...inSource].filter((folder) => !layers.has(folder)),
      [],
      "src/ has a folder that the table lacks",
    );
    assert.deepEqual(
      [...layers.keys()].filter((folder) => !existsSync(join(root, "src", folder))),
      [],
      "the table has a folder that src/ lacks",
    );
  });

  it("permit only folders that have a row, and no way back to a folder", () => {
    for (const [folder, permitted] of layers) {
      for (const target of permitted) {
        assert.ok(layers.has(target), `${folder} may import ${target}, which has no row`);
        assert.ok(!reaches(layers, target, folder), `${folder} may import ${target}, and ${target} ${folder}`);
      }
    }
  });

  it("hold for every import", () => {
    assert.deepEqual(
      sources.flatMap((source) => findBreaches(source, layers)),
      [],
    );
  });
});

describe("the check of the layers", () => {
  const layers = readLayers("| folder | may import |\n| --- | --- |\n| `low/` | – |\n| `high/` | low |\n");

  it("reads the table", () => {
    assert.deepEqual(
      layers,
      new Map([
        ["low", new Set()],
        ["high", new Set(["low"])],
      ]),
    );
  });

  it("finds each form of import", () => {
    const forms = [
      'import { a } from "../high/a.ts";',
      'import type { A } from "../high/a.ts";',
      'import "../high/a.ts";',
      'export * from "../high/a.ts";',
      'export type { A } from "../high/a.ts";',
      'export const a = import("../high/a.ts");',
      'export type A = import("../high/a.ts").A;',
      'import { a } from "../index.ts";',
    ];
    for (const form of forms) assert.equal(findBreaches(parse("low/b.ts", form), layers).length, 1, form);
  });

  it("leaves alone what is permitted", () => {
    const text = 'import { a } from "../low/a.ts"; import { b } from "./b.ts"; import { join } from "node:path";';
    assert.deepEqual(findBreaches(parse("high/c.ts", text), layers), []);
    assert.deepEqual(findBreaches(parse("low/c.ts", '// import "../high/a.ts"'), layers), []);
    assert.deepEqual(findBreaches(parse("index.ts", 'export * from "./high/a.ts";'), layers), []);
  });
});

function readLayers(markdown: string): Layers {
  const layers = new Map<string, ReadonlySet<string>>();
  let column = -1;
  for (const line of markdown.split("\n")) {
    const cells = line.split("|").map((cell) => cell.trim());
    if (!line.startsWith("|")) column = -1;
    else if (cells[1] === "folder") column = cells.indexOf("may import");
    else if (column > 0 && !/^:?-+:?$/.test(cells[1] ?? "")) {
      layers.set(folderName(cells[1] ?? ""), new Set(readFolders(cells[column] ?? "")));
    }
  }
  return layers;
}

/** "channel, `http/`" as names; "–" as none. */
function readFolders(cell: string): string[] {
  return cell === "–" || cell === "-" || cell === "" ? [] : cell.split(",").map(folderName);
}

function folderName(cell: string): string {
  return cell.replaceAll(/[`/\s]/g, "");
}

function reaches(layers: Layers, from: string, to: string): boolean {
  if (from === to) return true;
  return [...(layers.get(from) ?? [])].some((next) => reaches(layers, next, to));
}

function findBreaches(source: Source, layers: Layers): string[] {
  const folder = folderOf(source.path);
  if (folder === "") return [];
  return source.nodes.flatMap((node) => {
    const target = importedPath(node);
    if (target === undefined || !target.startsWith(".")) return [];
    const targetFolder = folderOf(posix.join(posix.dirname(source.path), target));
    if (targetFolder === folder || layers.get(folder)?.has(targetFolder) === true) return [];
    return [`${locate(source, node)}: ${folder} may not import ${target}`];
  });
}

/** What any form of import or re-export names, undefined for every other node. */
function importedPath(node: SyntaxNode): string | undefined {
  const isImport = /^(ImportDeclaration|ImportExpression|TSImportType|Export(All|Named)Declaration)$/.test(node.type);
  if (!isImport || !isNode(node["source"])) return undefined;
  const path = node["source"]["value"];
  return typeof path === "string" ? path : undefined;
}

/** The first folder in a path from src/, "" for a file of src/ itself. */
function folderOf(path: string): string {
  const end = path.indexOf("/");
  return end < 0 ? "" : path.slice(0, end);
}
