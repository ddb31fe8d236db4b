import type { Diagnosis } from "./diagnose.ts";
import type { Finding } from "./finding.ts";
import { type ProxyName, type Remedy, remedyFor, type RemedyName } from "./remedies.ts";
import { shownUrl, type Target, withoutSecrets } from "./target.ts";

const proxies: readonly ProxyName[] = ["nginx", "haproxy", "apache", "caddy"];

/** Whether clients lose anything. */
export function hasFailed({ findings }: Diagnosis): boolean {
  return findings.some(({ verdict }) => verdict === "FAIL");
}

/** A line for each check, and then what mends what was found, each remedy once. */
export function textReport(target: Target, diagnosis: Diagnosis): string {
  const { findings, facts } = diagnosis;
  const lines = findings.map(({ check, verdict, seen }) => {
    return `${verdict.padEnd(4)}  ${check.padEnd(15)} ${withoutSecrets(target, seen)}`;
  });
  const advice = remediesIn(findings).flatMap((name) => {
    const checks = findings.filter(({ remedy }) => remedy === name).map(({ check }) => check);
    return ["", `${checks.join(", ")}: ${remedyFor(name, facts).what}`, ...remedyLines(remedyFor(name, facts))];
  });
  const count = findings.filter(({ verdict }) => verdict === "FAIL").length;
  const summary = count === 0 ? "No check failed." : `${count} of ${findings.length} checks failed.`;
  return [...lines, ...advice, "", summary, ""].join("\n");
}

/** The same for programs: `{ url, ok, findings }`, each with its remedy. */
export function jsonReport(target: Target, diagnosis: Diagnosis): string {
  const findings = diagnosis.findings.map(({ remedy, seen, numbers = {}, ...finding }) => ({
    ...finding,
    seen: withoutSecrets(target, seen),
    numbers: Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, Math.round(value)])),
    ...(remedy !== undefined && { remedy: { name: remedy, ...remedyFor(remedy, diagnosis.facts) } }),
  }));
  const report = { url: shownUrl(target.url), ok: !hasFailed(diagnosis), findings };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

function remediesIn(findings: readonly Finding[]): readonly RemedyName[] {
  return [...new Set(findings.flatMap(({ remedy }) => remedy ?? []))];
}

function remedyLines(remedy: Remedy): readonly string[] {
  return proxies.flatMap((proxy) =>
    (remedy[proxy] ?? []).map((line, index) => `  ${(index === 0 ? proxy : "").padEnd(8)} ${line}`),
  );
}
