import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { parseSync } from "oxc-parser";

/** One file of src/, parsed: what it says, and not what its comments and strings say. */
export type Source = {
  /** From src/, with "/" whatever the platform: "http/exchange.ts". */
  readonly path: string;
  readonly text: string;
  readonly nodes: readonly SyntaxNode[];
};

/** A node of the syntax tree; which other members there are follows from `type`, as ESTree has it. */
export type SyntaxNode = { readonly type: string; readonly start: number; readonly [member: string]: unknown };

/** The folder that holds package.json. Tests run in it, from build/. */
export const root: string = join(import.meta.dirname, "..", "..", "..");

export function readSources(): readonly Source[] {
  const folder = join(root, "src");
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .toSorted()
    .map((path) => parse(path.split(sep).join("/"), readFileSync(join(folder, path), "utf8")));
}

/** Parses one source; `path` decides nothing but the name in messages. */
export function parse(path: string, text: string): Source {
  const { program, errors } = parseSync("source.ts", text);
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]?.message ?? ""}`);
  const nodes: SyntaxNode[] = [];
  collectNodes(program, nodes);
  return { path, text, nodes };
}

/** "http/exchange.ts:12", where a person finds the node. */
export function locate(source: Source, node: SyntaxNode): string {
  return `${source.path}:${source.text.slice(0, node.start).split("\n").length}`;
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

/** The nodes in a list, none if it is no list. */
export function nodesIn(value: unknown): SyntaxNode[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}

function collectNodes(value: unknown, nodes: SyntaxNode[]): void {
  if (Array.isArray(value)) {
    for (const item of value) collectNodes(item, nodes);
  } else if (isNode(value)) {
    nodes.push(value);
    for (const member of Object.values(value)) collectNodes(member, nodes);
  }
}
