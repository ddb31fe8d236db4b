import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { usage } from "../../src/doctor/command-arguments.ts";
import { root } from "../architecture/source.ts";
import { setSite } from "../client/site.ts";
import { runProgram } from "../support/child.ts";
import { examine } from "./clinic.ts";

async function command(...args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  const program = await runProgram(join(root, "dist", "command.js"), { args });
  const { code } = await program.exited;
  return { code, output: program.output() };
}

const page = readFileSync(join(root, "docs", "doctor.md"), "utf8");

describe("the command", () => {
  it("is documented: its usage, and each check", async (t) => {
    assert.ok(page.includes(usage));
    const { port } = await setSite(t);
    const { findings } = await examine(`http://127.0.0.1:${port}/`);
    const missing = findings.filter(({ check }) => !page.includes(`\`${check}\``));
    assert.deepEqual(missing, []);
  });

  it("prints a line for each check, and ends with 0 where all is well", async (t) => {
    const { port } = await setSite(t);
    const { code, output } = await command("doctor", `http://127.0.0.1:${port}/`, "--idle", "0.5");
    assert.equal(code, 0, output);
    assert.match(output, /^ok {4}route {11}a session at http:\/\/127\.0\.0\.1:\d+\/ after \d+ ms$/m);
    // What was not tried is said.
    assert.match(output, /^ok {4}stream-idle .* A longer silence was not tried: --idle 20$/m);
    assert.match(output, /\n\nNo check failed\.\n$/);
  });

  it("prints each remedy once, for each proxy, and ends with 1 where a check failed", async (t) => {
    const { proxy } = await setSite(t);
    proxy.set({ type: "refuse-upgrade" });
    const { code, output } = await command("doctor", proxy.url, "--idle", "0.5");
    assert.equal(code, 1, output);
    assert.match(output, /^FAIL {2}websocket .*answered 502$/m);
    assert.match(output, /^websocket: Pass upgrades on\./m);
    assert.equal(output.match(/proxy_set_header Upgrade \$http_upgrade;/g)?.length, 1);
    for (const name of ["nginx", "haproxy", "apache", "caddy"])
      assert.match(output, new RegExp(`^ {2}${name} +\\S`, "m"));
    assert.match(output, /\n\n1 of \d+ checks failed\.\n$/);
  });

  for (const args of [["--help"], ["-h"], ["doctor", "--help"], ["doctor", "http://a", "--help"]]) {
    it(`prints its usage when it is asked for it: ${JSON.stringify(args)}`, async () => {
      assert.deepEqual(await command(...args), { code: 0, output: usage });
    });
  }

  for (const args of [["--version"], ["-v"], ["doctor", "--version"]]) {
    it(`prints the version of the package: ${JSON.stringify(args)}`, async () => {
      const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
      assert.deepEqual(await command(...args), { code: 0, output: `${version}\n` });
    });
  }

  const wrong: readonly { readonly args: readonly string[]; readonly says: RegExp }[] = [
    { args: [], says: /^The command is: channelkit doctor URL$/m },
    { args: ["doctor"], says: /^doctor needs the URL of a route, such as https:\/\/example\.com\/live$/m },
    { args: ["doctor", "http://a", "http://b"], says: /^doctor takes one URL, and a header in quotes/m },
    { args: ["nurse", "http://a"], says: /^The command is/m },
    { args: ["doctor", "ws://a"], says: /^URL must begin with http/m },
    { args: ["doctor", "a"], says: /^URL must begin with http/m },
    { args: ["doctor", "http://user:word@a"], says: /^URL may have no user and password/m },
    { args: ["doctor", "http://a", "--idle", "0"], says: /^--idle must be/m },
    { args: ["doctor", "http://a", "--idle", "3601"], says: /^--idle must be/m },
    { args: ["doctor", "http://a", "--timeout", "x"], says: /^--timeout must be/m },
    { args: ["doctor", "http://a", "--header", "none"], says: /^--header must be/m },
    { args: ["doctor", "http://a", "--header", "a: b\r\nc: d"], says: /^--header must be/m },
    { args: ["doctor", "http://a", "--header", "Content-Length: 1"], says: /^--header may not set Content-Length$/m },
    { args: ["doctor", "http://a", "--origin", "https://a/"], says: /^--origin must be/m },
    { args: ["doctor", "http://a", "--token", ""], says: /^--token must have/m },
    { args: ["doctor", "http://a", "--token", "two words"], says: /^--token must have 8 to 8192 visible/m },
    { args: ["doctor", "http://a", "--token", "1234567"], says: /^--token must have 8 .* could not be hidden/m },
    { args: ["doctor", "http://a", "--loud"], says: /--loud/ },
  ];
  for (const { args, says } of wrong) {
    it(`ends with 2 and says what is wrong: ${JSON.stringify(args)}`, async () => {
      const { code, output } = await command(...args);
      assert.equal(code, 2);
      assert.match(output, says);
      assert.match(output, /^Usage: channelkit doctor URL/m);
    });
  }
});
