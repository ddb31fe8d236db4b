import { readFileSync } from "node:fs";
import { readArguments, usage } from "./command-arguments.ts";
import { diagnose } from "./diagnose.ts";
import { hasFailed, jsonReport, textReport } from "./report.ts";

/** Where a command writes: the report, and what is wrong with its arguments. */
export type Output = { readonly print: (text: string) => void; readonly complain: (text: string) => void };

/** Runs the command. @returns its exit code: 0 if no check failed, or there was none to make, 1 if one did, 2 for wrong usage */
export async function run(given: readonly string[], { print, complain }: Output): Promise<number> {
  const command = readArguments(given);
  if (typeof command === "string") {
    complain(`${command}\n\n${usage}`);
    return 2;
  }
  if (command.what !== "diagnose") {
    print(command.what === "help" ? usage : `${ownVersion()}\n`);
    return 0;
  }
  const { target, isJson } = command;
  const diagnosis = await diagnose(target);
  print((isJson ? jsonReport : textReport)(target, diagnosis));
  return hasFailed(diagnosis) ? 1 : 0;
}

/** Of the package that this file is in. */
function ownVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}
