import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isNode, locate, parse, readSources } from "./source.ts";
import type { Source, SyntaxNode } from "./source.ts";

const maxLines = 300;
const builtInError = /^(Aggregate|Eval|Range|Reference|Syntax|Type|URI)?Error$/;

describe("every file of src/", () => {
  const sources = readSources();

  it("is there", () => {
    assert.ok(sources.length > 0);
  });

  it("throws errors of our own class, which carry a code", () => {
    assert.deepEqual(find(sources, throwsBuiltInError), []);
  });

  it("does something in each catch, be it to hand the error on", () => {
    assert.deepEqual(find(sources, isEmptyCatch), []);
  });

  it("takes no randomness from Math.random, which can be guessed and cannot be seeded", () => {
    assert.deepEqual(find(sources, isMathRandom), []);
  });

  it(`has at most ${maxLines} lines`, () => {
    const long = sources.filter(({ text }) => text.trimEnd().split("\n").length > maxLines);
    assert.deepEqual(
      long.map(({ path }) => path),
      [],
    );
  });
});

describe("the check of the sources", () => {
  it("finds a built-in error that is thrown", () => {
    for (const text of [
      'throw new Error("a")',
      "throw new TypeError()",
      'throw Error("a")',
      "throw new RangeError()",
    ]) {
      assert.equal(count(text, throwsBuiltInError), 1, text);
    }
    const innocent =
      'throw new ChannelError("closed"); // throw new Error()\nconst text = "throw new Error()"; throw error;';
    assert.equal(count(innocent, throwsBuiltInError), 0);
  });

  it("finds a catch that does nothing", () => {
    assert.equal(count("try { a(); } catch {}", isEmptyCatch), 1);
    assert.equal(count("try { a(); } catch (error) { /* why */ }", isEmptyCatch), 1);
    assert.equal(count("try { a(); } catch { b(); }", isEmptyCatch), 0);
  });

  it("finds Math.random", () => {
    assert.equal(count("Math.random()", isMathRandom), 1);
    assert.equal(count('Math["random"]()', isMathRandom), 1);
    assert.equal(count("const { random } = Math;", isMathRandom), 1);
    assert.equal(count('Math.max(random(), 1); "Math.random()"', isMathRandom), 0);
  });
});

function find(sources: readonly Source[], rule: (node: SyntaxNode) => boolean): string[] {
  return sources.flatMap((source) => source.nodes.filter(rule).map((node) => locate(source, node)));
}

function count(text: string, rule: (node: SyntaxNode) => boolean): number {
  return find([parse("sample.ts", text)], rule).length;
}

function throwsBuiltInError({ type, argument }: SyntaxNode): boolean {
  if (type !== "ThrowStatement" || !isNode(argument)) return false;
  return /^(New|Call)Expression$/.test(argument.type) && builtInError.test(nameOf(argument["callee"]));
}

function isEmptyCatch({ type, body }: SyntaxNode): boolean {
  if (type !== "CatchClause" || !isNode(body)) return false;
  return Array.isArray(body["body"]) && body["body"].length === 0;
}

function isMathRandom(node: SyntaxNode): boolean {
  if (node.type === "MemberExpression") {
    const property = isNode(node["property"]) ? (node["property"]["value"] ?? nameOf(node["property"])) : "";
    return nameOf(node["object"]) === "Math" && property === "random";
  }
  if (node.type !== "VariableDeclarator" || nameOf(node["init"]) !== "Math" || !isNode(node["id"])) return false;
  const { properties } = node["id"];
  return Array.isArray(properties) && properties.some((item) => isNode(item) && nameOf(item["key"]) === "random");
}

/** The name of an identifier, "" for anything else. */
function nameOf(node: unknown): string {
  return isNode(node) && node.type === "Identifier" && typeof node["name"] === "string" ? node["name"] : "";
}
