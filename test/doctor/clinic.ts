import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { run } from "../../src/doctor/run.ts";
import type { SessionsOptions } from "../../src/index.ts";
import { setSite, type Site } from "../client/site.ts";
import { type ProxyName, startProxy } from "../support/reverse-proxy.ts";

/** What a program that reads the report gets of one check. */
export type Found = {
  readonly check: string;
  readonly verdict: "ok" | "WARN" | "FAIL" | "skip";
  readonly seen: string;
  readonly numbers: Readonly<Record<string, number>>;
  readonly remedy?: { readonly name: string; readonly what: string } & {
    readonly [Proxy in ProxyName]?: readonly string[];
  };
};

export type Examination = {
  readonly code: number;
  /** All that was printed. */
  readonly output: string;
  readonly findings: readonly Found[];
  /** That of a check, which has to be there. */
  readonly of: (check: string) => Found;
  /** Those that are neither fine nor skipped, as "FAIL check". */
  readonly faults: readonly string[];
};

/** Runs the command in this process. */
export async function examine(url: string, ...more: readonly string[]): Promise<Examination> {
  let output = "";
  const print = (text: string): void => void (output += text);
  const given = ["doctor", url, "--json", "--idle", "0.5", "--timeout", "3", ...more];
  const code = await run(given, { print, complain: print });
  assert.notEqual(code, 2, output);
  const { findings } = JSON.parse(output) as { findings: readonly Found[] };
  const faults = findings.filter(({ verdict }) => verdict === "FAIL" || verdict === "WARN");
  return {
    code,
    output,
    findings,
    of: (check) => findings.find((finding) => finding.check === check) ?? assert.fail(`no ${check} in ${output}`),
    faults: faults.map(({ check, verdict }) => `${verdict} ${check}`),
  };
}

/** A server of sessions behind a proxy. */
export async function setBehind(
  t: TestContext,
  name: ProxyName,
  part: string,
  options: SessionsOptions<string | undefined> = {},
): Promise<{ readonly url: string; readonly site: Site }> {
  const site = await setSite(t, options);
  const proxy = await startProxy(name, part, site.port);
  t.after(() => proxy.stop());
  return { url: `http://127.0.0.1:${proxy.port}/live`, site };
}
