/** npm run soak [-- --minutes 30]: builds, compiles the tests, and runs the long one of them in this process's Node. */

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { compile, root } from "./tools.mjs";

// The tests have the types of the package, too. Not only where it is built already.
await import("./build.mjs");
compile("tsconfig.test.json");
const program = join(root, "build", "test", "soak", "program.js");
process.exitCode = spawnSync(process.execPath, [program, ...process.argv.slice(2)], { stdio: "inherit" }).status ?? 1;
