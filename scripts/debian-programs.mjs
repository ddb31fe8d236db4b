/**
 * The programs of Debian that tests run against: installed where they are missing and this may be done.
 *
 * Which ones a test needs is told by what it imports, so that no list of such tests has to be kept.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";

/** @typedef {{ support: string, paths: Record<string, string> }} Need packages, and the program of each */

const chromium = process.env.CHANNELKIT_CHROMIUM ?? "/usr/bin/chromium";

/** @type {Need} */
const browser = { support: "/support/browser.js", paths: { chromium } };

/** @type {Need} */
const proxies = {
  support: "/support/reverse-proxy.js",
  paths: {
    "nginx-light": "/usr/sbin/nginx",
    haproxy: "/usr/sbin/haproxy",
    apache2: "/usr/sbin/apache2",
    caddy: "/usr/bin/caddy",
  },
};

/**
 * Without the browser no test can run that needs it, and this ends with what to do. Tests of a proxy that is missing say
 * so, and are skipped.
 *
 * @param {string[]} files compiled tests
 */
export function ensurePrograms(files) {
  const texts = files.map((file) => readFileSync(file, "utf8"));
  const missing = [browser, proxies]
    .filter(({ support }) => texts.some((text) => text.includes(support)))
    .flatMap(({ paths }) => Object.keys(paths).filter((name) => !existsSync(paths[name] ?? "")));
  if (missing.length === 0) return;
  const mayInstall = existsSync("/usr/bin/apt-get") && process.getuid?.() === 0;
  if (mayInstall && process.env.CHANNELKIT_CHROMIUM === undefined) install(missing);
  if (!missing.includes("chromium") || existsSync(chromium)) return;
  console.error(`The browser tests need Chromium, and there is none at ${chromium}. Type:`);
  console.error("  sudo apt-get install chromium");
  console.error("or name one that you have: CHANNELKIT_CHROMIUM=/path/to/chromium npm test");
  process.exit(1);
}

/** @param {string[]} packages */
function install(packages) {
  console.log(`installing from Debian for the tests: ${packages.join(", ")}`);
  aptGet("update");
  // What forbids packages to start their servers (invoke-rc.d(8)).
  const policy = "/usr/sbin/policy-rc.d";
  const isOurs = !existsSync(policy);
  if (isOurs) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  aptGet("install", "-y", "--no-install-recommends", ...packages);
  if (isOurs) rmSync(policy);
}

/** @param {string[]} parameters */
function aptGet(...parameters) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const { status, stdout, stderr } = spawnSync("apt-get", ["-q", ...parameters], { encoding: "utf8", env });
  if (status !== 0) console.error(`apt-get ${parameters.join(" ")} failed\n${stdout}${stderr}`);
}
