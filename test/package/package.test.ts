import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, sep } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { root } from "../architecture/source.ts";
import { runProgram } from "../support/child.ts";
import { deadLinks } from "../support/dead-links.ts";
import { openWebSocket } from "../support/websocket-client.ts";

const run = promisify(execFile);

/** A chat in the form in which the design shows it. Returned values of handlers must not have to be thrown away. */
const typescriptProgram = `
import { type Channel, isChannelError, type Message, MemoryChannelStore, serve, withChannel } from "channelkit";
import { createFaultProxy, type Fault } from "channelkit/testing";

const rooms = new MemoryChannelStore<{ since: number }>();
const server = await serve((request) => {
  const url = new URL(request.url);
  if (url.pathname !== "/room") return new Response("not found", { status: 404 });
  return withChannel(request, (channel) => {
    rooms.add("lobby", channel, { since: Date.now() });
    channel.onReceive((message) => rooms.broadcast("lobby", message));
    channel.onClose((status, { code, reason }) => console.log(status, code, reason));
  });
}, { port: 0, limits: { maxMessageBytes: 1024 }, onError: (error) => {
  switch (error.code) {
    case "PEER_FAULT": console.log(error.details.remoteAddress); break;
    default: console.log(isChannelError(error), error.message);
  }
} });
export function greet(channel: Channel, message: Message): boolean { return channel.send(message, { close: false }); }
// @ts-expect-error -- the store has an attachment, which must be given
export const misuse = (channel: Channel) => rooms.add("lobby", channel);
const outage: Fault = { type: "offline", forMs: 10 };
const proxy = await createFaultProxy({ target: { port: server.port } });
proxy.set(outage);
await proxy.close();
console.log(server.url);
`;

const echo = `
const server = await serve((request) => withChannel(request, (channel) => {
  if (channel.isWebSocket) channel.onReceive((message) => channel.send(message));
  else channel.send("polled");
}), { port: 0 });
console.log(server.url);
`;
const moduleProgram = `import { serve, withChannel } from "channelkit";\n${echo}`;
const requireProgram = `const { serve, withChannel } = require("channelkit");\n(async () => {${echo}})();`;

describe("the package as it is published", { timeout: 120_000 }, () => {
  let project: string;
  let packed: readonly string[];

  before(async () => {
    project = mkdtempSync(join(tmpdir(), "channelkit-package-"));
    const pack = ["pack", "--ignore-scripts", "--json", "--pack-destination", project];
    const [{ filename, files }] = JSON.parse(await npm(pack, root)) as [Packed];
    packed = files.map(({ path }) => path);
    writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }');
    await npm(["install", "--prefer-offline", "--no-audit", "--no-fund", `./${filename}`], project);
  });

  after(() => rmSync(project, { recursive: true, force: true }));

  it("holds the sources, what is built of each, the documents, the examples, and nothing else", () => {
    const sources = filesBelow(join(root, "src")).map((path) => path.replace(/\.ts$/, ""));
    const built = [".js", ".js.map", ".d.ts", ".d.ts.map"];
    const wanted = sources.flatMap((path) => [`src/${path}.ts`, ...built.map((end) => `dist/${path}${end}`)]);
    const bundles = ["client", "websocket"].flatMap((name) => [`dist/${name}.min.js`, `dist/${name}.min.js.map`]);
    const pages = readdirSync(root).filter((path) => path.endsWith(".md"));
    const read = ["docs", "examples"].flatMap((name) => filesBelow(join(root, name)).map((path) => `${name}/${path}`));
    const others = ["LICENSE", "package.json", ...pages, ...read];
    assert.deepEqual(packed.toSorted(), [...wanted, ...bundles, ...others].toSorted());
  });

  it("has documents without a dead link, but to the tests and measurements, which stay in the repository", () => {
    const installed = join(project, "node_modules", "channelkit");
    const documents = packed.filter((path) => path.endsWith(".md"));
    assert.ok(documents.includes("README.md") && documents.length > 20);
    const dead = documents.flatMap((path) =>
      deadLinks(installed, path).map((link) => ({ path, target: join(dirname(path), link) })),
    );
    assert.deepEqual(
      dead.filter(({ path, target }) => path === "README.md" || !/^(?:test|bench)\//.test(target)),
      [],
    );
  });

  it("has examples that run where it is installed", async () => {
    const file = join(project, "node_modules", "channelkit", "examples", "session-token.js");
    const program = await runProgram(file, { env: { PORT: "0" }, readyPattern: /^listening on / });
    await program.stop();
  });

  it("brings ws and srvx, and nothing else", () => {
    const installed = readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith("."));
    assert.deepEqual(installed.toSorted(), ["channelkit", "srvx", "ws"]);
    const { scripts } = JSON.parse(readFileSync(join(project, "node_modules/channelkit/package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const atInstall = ["preinstall", "install", "postinstall"].filter((name) => name in scripts);
    assert.deepEqual(atInstall, [], "a script would run where the package is installed");
  });

  it("has a command where npx looks for it", async () => {
    const program = join(project, "node_modules", ".bin", "channelkit");
    const { code, stdout } = await run(program, ["doctor", "http://127.0.0.1:9/"]).then(
      () => assert.fail("somebody answers"),
      (error: unknown) => error as { code: number; stdout: string },
    );
    assert.equal(code, 1);
    assert.match(stdout, /^FAIL {2}route /m);
    assert.match(stdout, /\n1 of 1 checks failed\.\n$/);
  });

  it("compiles under strict TypeScript, declarations included, and serves", async () => {
    const types = join(root, "node_modules");
    symlinkSync(join(types, "@types"), join(project, "node_modules", "@types"));
    symlinkSync(join(types, "undici-types"), join(project, "node_modules", "undici-types"));
    const language = { target: "es2023", lib: ["es2023"], module: "nodenext", types: ["node"] };
    const strictness = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false };
    const compilerOptions = { ...language, ...strictness, rootDir: ".", outDir: "out" };
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["chat.ts"] }));
    writeFileSync(join(project, "chat.ts"), typescriptProgram);
    await run(process.execPath, [join(types, "typescript", "bin", "tsc"), "-p", project]).catch((error: unknown) => {
      assert.fail((error as { stdout: string }).stdout);
    });
    const program = await start(join(project, "out", "chat.js"), project);
    const first = await openWebSocket(program.port, "/room");
    const second = await openWebSocket(program.port, "/room");
    first.sendText("hello");
    assert.equal(await first.nextMessage(), "hello");
    assert.equal(await second.nextMessage(), "hello");
    assert.equal((await fetch(`http://127.0.0.1:${program.port}/other`)).status, 404);
    first.client.destroy();
    second.client.destroy();
    await program.stop();
  });

  it("works in a plain module", async () => {
    writeFileSync(join(project, "plain.mjs"), moduleProgram);
    await checkEcho(join(project, "plain.mjs"), project);
  });

  it("has the clients for pages as single files, which import nothing", async () => {
    const names = ["client", "websocket"];
    const resolved = `console.log(JSON.stringify(${JSON.stringify(names)}.map((name) => import.meta.resolve(\`channelkit/\${name}.min.js\`))))`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", resolved], { cwd: project });
    for (const [index, url] of (JSON.parse(stdout) as string[]).entries()) {
      const exported = Object.keys((await import(url)) as object);
      assert.ok(exported.includes(index === 0 ? "connect" : "webSocketOf"), exported.join());
      assert.doesNotMatch(readFileSync(new URL(url), "utf8"), /\bimport\b/);
    }
  });

  const canRequire = process.features.require_module;
  it("works with require()", { skip: canRequire ? false : "this Node cannot require a module" }, async () => {
    writeFileSync(join(project, "plain.cjs"), requireProgram);
    await checkEcho(join(project, "plain.cjs"), project);
  });
});

type Packed = { readonly filename: string; readonly files: readonly { readonly path: string }[] };

/** Without what `npm test` adds to the environment: it would make npm work on this project instead of the other one. */
async function npm(parameters: readonly string[], cwd: string): Promise<string> {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^npm_(package|lifecycle|config_local_prefix)/i.test(name),
  );
  const { stdout } = await run("npm", [...parameters], { cwd, env: Object.fromEntries(own) });
  return stdout;
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, encoding: "utf8", withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .split(sep)
        .join("/"),
    );
}

async function start(file: string, cwd: string): Promise<{ port: number; stop: () => Promise<unknown> }> {
  const program = await runProgram(file, { cwd, readyPattern: /^http:\/\/127\.0\.0\.1:(\d+)$/ });
  return { port: Number(program.ready?.[1]), stop: () => program.stop("SIGKILL") };
}

async function checkEcho(file: string, cwd: string): Promise<void> {
  const program = await start(file, cwd);
  const socket = await openWebSocket(program.port);
  socket.sendText("hello");
  assert.equal(await socket.nextMessage(), "hello");
  socket.client.destroy();
  assert.equal(await (await fetch(`http://127.0.0.1:${program.port}/`)).text(), "polled");
  await program.stop();
}
