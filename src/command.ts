#!/usr/bin/env node
import { run } from "./doctor/run.ts";

process.exitCode = await run(process.argv.slice(2), {
  print: (text) => void process.stdout.write(text),
  complain: (text) => void process.stderr.write(text),
});
