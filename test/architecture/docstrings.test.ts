import assert from "node:assert/strict";
import { posix } from "node:path";
import { describe, it } from "node:test";
import { isNode, locate, nodesIn, parse, readSources } from "./source.ts";
import type { Source, SyntaxNode } from "./source.ts";

/** What package.json exports. */
const entries = ["index.ts", "client.ts", "websocket.ts", "testing.ts"];

describe("the public surface, which is what the entry points export and every type that this names", () => {
  it("has a docstring on each declaration and on each of its members", () => {
    const sources = readSources();
    const visited = visitPublic(sources);
    assert.ok(visited.declarations > 40, `only ${visited.declarations} public declarations were found`);
    assert.deepEqual(visited.undocumented, []);
  });
});

describe("the check of the docstrings", () => {
  it("finds what is exported, what that names, and members", () => {
    const found = visitPublic([
      parse("index.ts", 'export { type A, make } from "./a.ts";'),
      parse(
        "a.ts",
        'import type { B } from "./b.ts"; export type A = { b: B };\n/** Doc. */ export function make(): C {}\ntype C = 1;',
      ),
      parse("b.ts", "export class B { one = 1; #two = 2; private three = 3; four() {} }"),
    ]);
    assert.deepEqual(found.undocumented, [
      "a.ts:1 A",
      "a.ts:1 A.b",
      "b.ts:1 B",
      "b.ts:1 B.four",
      "b.ts:1 B.one",
      "a.ts:3 C",
    ]);
  });
  it("leaves alone what is documented, private or unused", () => {
    const text = '/** A. */\nexport type A = {\n  /** B. */\n  readonly b: 1;\n};\ntype Unused = 1;\nconst text = "";';
    const found = visitPublic([parse("index.ts", 'export type { A } from "./a.ts";'), parse("a.ts", text)]);
    assert.deepEqual(found, { declarations: 1, undocumented: [] });
  });
  it("takes no other comment for a docstring", () => {
    const index = parse("index.ts", 'export type { A } from "./a.ts";');
    for (const comment of ["/* A. */", "// A.", "/** Not for A. */ const b = 1;"]) {
      assert.equal(
        visitPublic([index, parse("a.ts", `${comment}\nexport type A = 1;`)]).undocumented.length,
        1,
        comment,
      );
    }
  });
});

/** A statement at the top of a file that declares a name, and where its docstring would stand. */
type Declaration = {
  readonly source: Source;
  readonly name: string;
  readonly node: SyntaxNode;
  readonly outer: SyntaxNode;
};

/** Follows exports and named types from the entry points. */
function visitPublic(sources: readonly Source[]): { declarations: number; undocumented: string[] } {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const seen = new Set<string>();
  const undocumented: string[] = [];
  let declarations = 0;
  const visit = (path: string, name: string): void => {
    const source = byPath.get(path);
    if (source === undefined || seen.has(`${path} ${name}`)) return;
    seen.add(`${path} ${name}`);
    const imported = importsOf(source).get(name);
    if (imported !== undefined) visit(imported.path, imported.name);
    const declaration = declarationsOf(source).find((each) => each.name === name);
    if (declaration === undefined) return;
    declarations += 1;
    undocumented.push(...undocumentedIn(declaration));
    for (const named of publicParts(declaration.node).flatMap(namedTypes)) visit(path, named);
  };
  for (const entry of entries.flatMap((path) => byPath.get(path) ?? [])) {
    for (const { path, name } of importsOf(entry).values()) visit(path, name);
  }
  return { declarations, undocumented };
}

/** What a file imports or exports from elsewhere: for each name, the file and the name there. */
function importsOf(source: Source): Map<string, { path: string; name: string }> {
  const found = new Map<string, { path: string; name: string }>();
  for (const statement of statementsOf(source)) {
    const from = statement["source"];
    if (!isNode(from) || typeof from["value"] !== "string" || !from["value"].startsWith(".")) continue;
    const path = posix.join(posix.dirname(source.path), from["value"]);
    for (const specifier of nodesIn(statement["specifiers"])) {
      found.set(nameOf(specifier["local"]), { path, name: nameOf(specifier["imported"] ?? specifier["local"]) });
    }
  }
  return found;
}

function declarationsOf(source: Source): Declaration[] {
  return statementsOf(source).flatMap((outer) => {
    const node = isNode(outer["declaration"]) ? outer["declaration"] : outer;
    if (node.type !== "VariableDeclaration") return [{ source, outer, node, name: nameOf(node["id"]) }];
    return nodesIn(node["declarations"]).map((each) => ({ source, outer, node: each, name: nameOf(each["id"]) }));
  });
}

function undocumentedIn({ source, name, node, outer }: Declaration): string[] {
  const places = hasDocstring(source, outer) ? [] : [`${locate(source, outer)} ${name}`];
  const members = membersOf(node)
    .filter((member) => !hasDocstring(source, member))
    .map((member) => `${locate(source, member)} ${name}.${nameOf(member["key"])}`);
  return [...places, ...members.toSorted()];
}

/** The members that a user of the declaration sees: those of a class, an interface or an object type. */
function membersOf(node: SyntaxNode): SyntaxNode[] {
  if (node.type === "ClassDeclaration") return publicMembers(node["body"]);
  if (node.type === "TSTypeAliasDeclaration") return membersOfType(node["typeAnnotation"]);
  if (node.type === "TSInterfaceDeclaration" && isNode(node["body"])) return nodesIn(node["body"]["body"]);
  return [];
}

function publicMembers(body: unknown): SyntaxNode[] {
  const members = isNode(body) ? nodesIn(body["body"]) : [];
  return members.filter(({ accessibility, key, kind }) => {
    const isHidden = accessibility === "private" || accessibility === "protected";
    // What a getter says is said of its setter, too.
    return !isHidden && kind !== "set" && isNode(key) && key.type !== "PrivateIdentifier";
  });
}

function membersOfType(type: unknown): SyntaxNode[] {
  if (!isNode(type)) return [];
  if (type.type === "TSTypeLiteral") return nodesIn(type["members"]);
  return type.type === "TSIntersectionType" ? nodesIn(type["types"]).flatMap(membersOfType) : [];
}

/** The parts of a declaration that stand in its `.d.ts`: no function bodies, no private members, no initial values. */
function publicParts(node: SyntaxNode): SyntaxNode[] {
  const { typeAnnotation, typeParameters, params, returnType, superClass } = node;
  const implemented = node["implements"];
  const parts = [typeAnnotation, typeParameters, returnType, superClass, ...nodesIn(params), ...nodesIn(implemented)];
  if (isNode(node["id"])) parts.push(node["id"]["typeAnnotation"]);
  if (node.type === "ClassDeclaration") {
    for (const member of publicMembers(node["body"])) {
      parts.push(
        ...publicParts(isNode(member["value"]) && member.type === "MethodDefinition" ? member["value"] : member),
      );
    }
  } else if (node.type === "TSInterfaceDeclaration") parts.push(node["body"], ...nodesIn(node["extends"]));
  return parts.filter(isNode);
}

function namedTypes(part: SyntaxNode): string[] {
  const own = [part["typeName"], part["exprName"], part["expression"], part.type === "Identifier" ? part : undefined];
  const inside = Object.values(part).flatMap((value) => (isNode(value) ? [value] : nodesIn(value)));
  return [...own.map(nameOf).filter((name) => name !== ""), ...inside.flatMap(namedTypes)];
}

/** Whether nothing but space stands between a `/** … *\/` comment and the node. */
function hasDocstring({ text }: Source, { start }: SyntaxNode): boolean {
  const before = text.slice(0, start).trimEnd();
  return before.endsWith("*/") && before.slice(before.lastIndexOf("/*")).startsWith("/**");
}

function statementsOf(source: Source): SyntaxNode[] {
  return nodesIn(source.nodes[0]?.["body"]);
}

/** The name of an identifier or of a string key, "" for anything else. */
function nameOf(node: unknown): string {
  if (!isNode(node)) return "";
  const name = node.type === "Identifier" ? node["name"] : node["value"];
  return typeof name === "string" ? name : "";
}
