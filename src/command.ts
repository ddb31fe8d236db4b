#!/usr/bin/env node
import { run } from "./doctor/run.ts";

// Who reads the report may have left before it is there.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

process.exitCode = await run(process.argv.slice(2), {
  print: (text) => void process.stdout.write(text),
  complain: (text) => void process.stderr.write(text),
});
