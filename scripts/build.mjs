/** src -> dist: JavaScript, declarations and maps, one file for each source; and the client as one small file. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { bundleClient } from "./bundle-client.mjs";
import { compile, root } from "./tools.mjs";

rmSync(join(root, "dist"), { recursive: true, force: true });
compile("tsconfig.build.json");
await bundleClient();
