import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../architecture/source.ts";
import { eventually } from "./expect.ts";
import { findFreePort } from "./free-port.ts";
import { connectRaw } from "./raw-client.ts";

/** A proxy of Debian that runs with a configuration of the test. */
export type ReverseProxy = { readonly port: number; stop(): Promise<void> };

export type ProxyName = "nginx" | "haproxy" | "apache" | "caddy";

type Recipe = {
  readonly file: string;
  readonly program: string;
  /** The whole configuration: what the documents leave to the installation, around the part that they show. */
  readonly configuration: (part: string, folder: string) => string;
  readonly parameters: (file: string, folder: string) => readonly string[];
  readonly environment?: (folder: string) => Readonly<Record<string, string>>;
};

const recipes: Readonly<Record<ProxyName, Recipe>> = {
  nginx: {
    file: "nginx.conf",
    program: "/usr/sbin/nginx",
    configuration: (part, folder) =>
      `daemon off; pid ${folder}/pid; error_log stderr; events {}\nhttp {\naccess_log off;\n` +
      ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map((name) => `${name}_temp_path ${folder}/${name};\n`)
        .join("") +
      `${part}\n}\n`,
    parameters: (file, folder) => ["-p", folder, "-c", file],
  },
  haproxy: {
    file: "haproxy.cfg",
    program: "/usr/sbin/haproxy",
    configuration: (part) => `${part}\n`,
    parameters: (file) => ["-db", "-f", file],
  },
  apache: {
    file: "apache.conf",
    program: "/usr/sbin/apache2",
    configuration: (part, folder) =>
      `ServerName localhost\nListen 80\nPidFile ${folder}/pid\nDefaultRuntimeDir ${folder}\nErrorLog ${folder}/error.log\n` +
      ["mpm_event", "authz_core", "proxy", "proxy_http", "headers"]
        .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so\n`)
        .join("") +
      `${part}\n`,
    parameters: (file, folder) => ["-d", folder, "-f", file, "-DFOREGROUND"],
  },
  caddy: {
    file: "Caddyfile",
    program: "/usr/bin/caddy",
    configuration: (part) => `{\nadmin off\nauto_https off\n}\n${part}\n`,
    parameters: (file) => ["run", "--config", file, "--adapter", "caddyfile"],
    environment: (folder) => ({ HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }),
  },
};

/** Whether the machine has this proxy. */
export function hasProxy(name: ProxyName): boolean {
  return existsSync(recipes[name].program);
}

/** The part of docs/proxies.md that is in the language of a proxy, and passes on all paths. */
export function documentedConfiguration(name: ProxyName): string {
  const [block] = documentedBlocks(name);
  return block;
}

/** The part that has several servers. */
export function documentedServers(name: "nginx" | "haproxy"): string {
  const [, , servers] = documentedBlocks(name);
  if (servers === undefined) throw new Error(`docs/proxies.md must have several servers for ${name}`);
  return servers;
}

/** The same as of `documentedConfiguration`, but for the part by which it passes on `/live` alone. */
export function documentedRoute(name: ProxyName): string {
  const [block, route] = documentedBlocks(name);
  const places: Readonly<Record<ProxyName, RegExp>> = {
    nginx: /^ {2}location \/ \{[^]*?^ {2}\}\n/m,
    haproxy: /^ {2}default_backend .*\n/m,
    apache: /^ProxyPass .*\n/m,
    caddy: /^ {2}reverse_proxy [^]*?^ {2}\}\n/m,
  };
  const whole = block.replace(places[name], () => route);
  if (whole === block) throw new Error(`the configuration for ${name} has no place for a route`);
  return whole;
}

function documentedBlocks(name: ProxyName): [whole: string, route: string, servers: string | undefined] {
  const page = readFileSync(join(root, "docs", "proxies.md"), "utf8");
  const blocks = [...page.matchAll(new RegExp(`^\`\`\`${name}\n([^]*?)^\`\`\``, "gm"))].map(([, block]) => block);
  const [whole, route, servers] = blocks;
  if (whole === undefined || route === undefined || blocks.length > 3)
    throw new Error(`docs/proxies.md must have a configuration and a route for ${name}`);
  return [whole, route, servers];
}

/**
 * Starts a proxy and waits until it takes connections.
 *
 * @param part - its configuration as the documents show it, for port 80, to pass on to 127.0.0.1:9090
 * @param upstreamPorts - what takes the place of 9090, 9091 and so on
 */
export async function startProxy(
  name: ProxyName,
  part: string,
  ...upstreamPorts: readonly number[]
): Promise<ReverseProxy> {
  const recipe = recipes[name];
  const folder = await mkdtemp(join(tmpdir(), `channelkit-${name}-`));
  // Workers of a proxy that was started by root are somebody else.
  await chmod(folder, 0o755);
  const port = await findFreePort();
  const file = join(folder, recipe.file);
  await writeFile(file, withPorts(recipe.configuration(part, folder), port, upstreamPorts));
  const child = spawn(recipe.program, [...recipe.parameters(file, folder)], {
    env: { PATH: "/usr/bin:/bin", ...recipe.environment?.(folder) },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (output += text));
  const exited = once(child, "close");
  let isGone = false;
  void exited.then(() => (isGone = true));
  const kill = (): boolean => child.kill("SIGKILL");
  process.on("exit", kill);
  const begun = async (): Promise<void> => {
    if (isGone) throw new Error(`${name} has ended:\n${output}`);
    (await connectRaw(port)).destroy();
  };
  await eventually(begun, { timeoutMs: 10_000 });
  return {
    port,
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(kill, 2000);
      await exited;
      clearTimeout(timer);
      process.off("exit", kill);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function withPorts(part: string, port: number, upstreamPorts: readonly number[]): string {
  const listening = part
    .replace(/\blisten 80;/, `listen 127.0.0.1:${port};`)
    .replace(/\bbind :80\b/, `bind 127.0.0.1:${port}`)
    .replace(/\bListen 80\b/, `Listen 127.0.0.1:${port}`)
    .replace(/^:80 \{/m, `:${port} {\nbind 127.0.0.1`);
  if (listening === part) throw new Error(`the configuration does not listen on port 80:\n${part}`);
  return listening.replaceAll(/127\.0\.0\.1:(909\d)\b/g, (address, documented: string) => {
    const upstreamPort = upstreamPorts[Number(documented) - 9090];
    return upstreamPort === undefined ? address : `127.0.0.1:${upstreamPort}`;
  });
}
