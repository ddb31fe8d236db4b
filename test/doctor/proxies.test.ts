import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { root } from "../architecture/source.ts";
import { setSite } from "../client/site.ts";
import { documentedConfiguration, hasProxy, type ProxyName } from "../support/reverse-proxy.ts";
import { examine, setBehind } from "./clinic.ts";

const names = ["nginx", "haproxy", "apache", "caddy"] as const;

describe("a proxy that is configured as the documents say", () => {
  for (const name of names) {
    it(`has nothing wrong: ${name}`, { skip: !hasProxy(name) }, async (t) => {
      const { url, site } = await setBehind(t, name, documentedConfiguration(name));
      const { code, faults, output, of } = await examine(url);
      assert.deepEqual(faults, [], output);
      assert.equal(code, 0);
      assert.equal(of("body").numbers["messageBytes"], of("body").numbers["maxMessageBytes"]);
      // Three visits, over when the report is there, of which the application hears nothing.
      assert.equal(site.log.of("open").length, 3);
      assert.equal(site.log.of("receive").length, 0);
      assert.deepEqual(
        site.log.of("close").map(({ args }) => args[0]),
        ["normal", "normal", "normal"],
      );
    });
  }
});

/** A configuration that is wrong in one thing. */
type Wrong = {
  readonly name: ProxyName;
  readonly what: string;
  /** Lines that are taken out of the configuration of the documents. */
  readonly without?: RegExp;
  /** What stands in their place, behind the line that begins with this. */
  readonly behind?: string;
  readonly wrong?: string;
  readonly idle?: string;
  /** What the doctor says: the verdict and the check, what was seen, and what mends it. */
  readonly faults: readonly string[];
  readonly check: string;
  readonly seen: RegExp;
  readonly remedy: string;
  readonly line: RegExp;
};

/** Where lines of advice go. */
const places: Readonly<Record<ProxyName, string>> = {
  nginx: "    proxy_pass ",
  haproxy: "defaults",
  apache: "ProxyPreserveHost On",
  caddy: ":80 {",
};

const ofUpgrade = /^map [\s\S]*?^}\n|^.*(?:proxy_http_version|\$http_upgrade|\$connection_upgrade).*\n/gm;

const cases: readonly Wrong[] = [
  {
    name: "nginx",
    what: "passes no upgrade on",
    without: ofUpgrade,
    faults: ["FAIL websocket"],
    check: "websocket",
    seen: /^the upgrade was refused after .*: answered 405$/,
    remedy: "upgrade",
    line: /^proxy_set_header Upgrade \$http_upgrade;$/m,
  },
  {
    name: "nginx",
    what: "speaks HTTP/1.0 to the server, and buffers whatever it is asked for",
    without: ofUpgrade,
    wrong: "proxy_ignore_headers X-Accel-Buffering;",
    faults: ["FAIL websocket", "FAIL stream"],
    check: "stream",
    seen: /^held back: no answer in 3\.\d s/,
    remedy: "buffering",
    line: /^proxy_buffering off;/m,
  },
  {
    name: "nginx",
    what: "takes small bodies only",
    wrong: "client_max_body_size 100k;",
    faults: ["FAIL body"],
    check: "body",
    seen: /^a message of 1015808 bytes: answered 413$/,
    remedy: "bodyLimit",
    line: /^client_max_body_size 1048576;$/m,
  },
  {
    name: "nginx",
    what: "cuts what is silent for two seconds",
    without: /^.*proxy_read_timeout.*\n/gm,
    wrong: "proxy_read_timeout 2s;",
    idle: "4",
    faults: ["FAIL poll", "FAIL stream-idle", "FAIL websocket-idle"],
    check: "websocket-idle",
    seen: /^cut after (?:1\.9|2\.\d) s of silence \(.*\); the server speaks after 25\.0 s$/,
    remedy: "silence",
    line: /^proxy_read_timeout 75s;$/m,
  },
  {
    name: "nginx",
    what: "compresses all",
    wrong: "gzip on; gzip_types *; gzip_proxied any; gzip_min_length 1; gzip_http_version 1.0;",
    faults: ["WARN stream-encoding"],
    check: "stream-encoding",
    seen: /^compressed on the way: Content-Encoding gzip$/,
    remedy: "compression",
    line: /^gzip off;$/m,
  },
  {
    name: "nginx",
    what: "lets answers be kept",
    wrong: "expires 1h;",
    faults: ["FAIL stream-cache"],
    check: "stream-cache",
    seen: /^Cache-Control max-age=3600/,
    remedy: "caching",
    line: /^expires off;/m,
  },
  {
    name: "nginx",
    what: "takes the chunks away",
    wrong: "chunked_transfer_encoding off;",
    faults: ["WARN stream-framing"],
    check: "stream-framing",
    seen: /without Transfer-Encoding/,
    remedy: "framing",
    line: /^chunked_transfer_encoding on;$/m,
  },
  {
    name: "nginx",
    what: "puts its own host in place of the client's",
    without: /^.*\$http_host.*\n/gm,
    faults: ["WARN origin-own"],
    check: "origin-own",
    seen: /may send no request \(403\), may open no WebSocket \(403\); with Sec-Fetch-Site/,
    remedy: "host",
    line: /^proxy_set_header Host \$http_host;$/m,
  },
  {
    name: "nginx",
    what: "takes Origin away",
    wrong: 'proxy_set_header Origin "";',
    faults: ["FAIL origin-foreign"],
    check: "origin-foreign",
    seen: /^a page of another origin may send requests, may open a WebSocket$/,
    remedy: "originField",
    line: /^proxy_set_header Origin \$http_origin;$/m,
  },
  {
    name: "nginx",
    what: "lets a client have one request at a time",
    wrong: "limit_conn_zone $binary_remote_addr zone=perip:1m; # in http { }\nlimit_conn perip 1;",
    faults: ["FAIL parallel"],
    check: "parallel",
    seen: /answered 503/,
    remedy: "connections",
    line: /^limit_conn perip 20;/m,
  },
  {
    name: "haproxy",
    what: "takes Upgrade away",
    behind: "frontend web",
    wrong: "http-request del-header Upgrade",
    faults: ["FAIL websocket"],
    check: "websocket",
    seen: /^the upgrade was refused after .*: answered 405$/,
    remedy: "upgrade",
    line: /^mode http/m,
  },
  {
    name: "haproxy",
    what: "cuts WebSockets that are silent for two seconds",
    without: /^.*timeout tunnel.*\n/gm,
    wrong: "timeout tunnel 2s",
    idle: "4",
    faults: ["FAIL websocket-idle"],
    check: "websocket-idle",
    seen: /^cut after (?:1\.9|2\.\d) s of silence/,
    remedy: "silence",
    line: /^timeout tunnel 75s/m,
  },
  {
    name: "haproxy",
    what: "cuts responses that are silent for two seconds",
    without: /^.*timeout (?:server|client).*\n/gm,
    wrong: "timeout server 2s\ntimeout client 75s",
    idle: "4",
    faults: ["FAIL stream-idle", "FAIL poll"],
    check: "poll",
    seen: /^held for 4\.0 s: answered 504 after (?:1\.9|2\.\d) s$/,
    remedy: "silence",
    line: /^timeout server 75s/m,
  },
  {
    name: "haproxy",
    what: "changes Cache-Control",
    behind: "frontend web",
    wrong: "http-response set-header Cache-Control no-store",
    faults: ["WARN stream-cache"],
    check: "stream-cache",
    seen: /^Cache-Control no-store, changed on the way$/,
    remedy: "caching",
    line: /remove: http-response set-header Cache-Control/,
  },
  {
    name: "apache",
    what: "passes no upgrade on",
    without: /^ProxyPass .*\n/gm,
    wrong: 'ProxyPass "/" "http://127.0.0.1:9090/"',
    faults: ["FAIL websocket"],
    check: "websocket",
    seen: /^the upgrade was refused after .*: answered \d+$/,
    remedy: "upgrade",
    line: /^ProxyPass .* upgrade=websocket/m,
  },
  {
    name: "apache",
    what: "puts its own host in place of the client's",
    without: /^ProxyPreserveHost .*\n/gm,
    faults: ["WARN origin-own"],
    check: "origin-own",
    seen: /with Sec-Fetch-Site/,
    remedy: "host",
    line: /^ProxyPreserveHost On$/m,
  },
  {
    name: "apache",
    what: "cuts what is silent for two seconds",
    without: /^ProxyTimeout .*\n/gm,
    wrong: "ProxyTimeout 2",
    idle: "4",
    faults: ["FAIL stream-idle", "FAIL poll"],
    check: "stream-idle",
    seen: /^cut after (?:1\.9|2\.\d) s of silence/,
    remedy: "silence",
    line: /^ProxyTimeout 75$/m,
  },
  {
    name: "haproxy",
    what: "takes small bodies only",
    behind: "frontend web",
    wrong: "http-request deny deny_status 413 if { req.body_size gt 100000 }",
    faults: ["FAIL body"],
    check: "body",
    seen: /^a message of 1015808 bytes: (?:answered 413$|the connection was reset)/,
    remedy: "bodyLimit",
    line: /remove: http-request deny if { req.body_size/,
  },
  {
    name: "caddy",
    what: "takes small bodies only",
    wrong: "request_body {\nmax_size 100KB\n}",
    faults: ["FAIL body"],
    check: "body",
    seen: /^a message of 1015808 bytes: /,
    remedy: "bodyLimit",
    line: /max_size 1048576/,
  },
  {
    name: "caddy",
    what: "lets answers be kept",
    behind: "  reverse_proxy",
    wrong: 'header_down Cache-Control "public, max-age=60"',
    faults: ["FAIL stream-cache"],
    check: "stream-cache",
    seen: /^Cache-Control public, max-age=60, changed on the way$/,
    remedy: "caching",
    line: /remove: header Cache-Control/,
  },
];

describe("a proxy that is wrong in one thing", { concurrency: 3 }, () => {
  for (const wrong of cases) {
    const { name, what } = wrong;
    it(`is found to be, and mended by what the doctor says: ${name} ${what}`, { skip: !hasProxy(name) }, async (t) => {
      const part = documentedConfiguration(name).replaceAll(wrong.without ?? /$^/g, "");
      const behind = wrong.behind ?? places[name];
      const idle = ["--idle", wrong.idle ?? "0.5"];

      const broken = await setBehind(t, name, withLines(part, behind, (wrong.wrong ?? "").split("\n")));
      const before = await examine(broken.url, ...idle);
      assert.deepEqual(before.faults.toSorted(), wrong.faults.toSorted(), before.output);
      const { seen, remedy } = before.of(wrong.check);
      assert.match(seen, wrong.seen);
      assert.equal(remedy?.name, wrong.remedy);
      const advice = remedy?.[name] ?? [];
      assert.match(advice.join("\n"), wrong.line);
      assert.equal(before.code, wrong.faults.some((fault) => fault.startsWith("FAIL")) ? 1 : 0);

      // Every line for this proxy, whatever it is for, once.
      const lines = new Set(before.findings.flatMap(({ remedy: each }) => each?.[name] ?? []));
      const mended = await setBehind(t, name, withLines(part, places[name], [...lines]));
      const after = await examine(mended.url, ...idle);
      assert.deepEqual(after.faults, [], after.output);
    });
  }
});

describe("a proxy that passes on another path only", { concurrency: 2 }, () => {
  const documented = documentedConfiguration;
  const parts: Readonly<Record<ProxyName, { readonly part: string; readonly place: string }>> = {
    nginx: {
      part: "server {\n  listen 80;\n  location /other { proxy_pass http://127.0.0.1:9090; }\n}",
      place: "  listen 80;",
    },
    haproxy: {
      part: documented("haproxy").replace("default_backend channels", "use_backend channels if { path_beg /other }"),
      place: "frontend web",
    },
    apache: {
      part: documented("apache").replace(/ProxyPass.*/, 'ProxyPass "/other" "http://127.0.0.1:9090/other"'),
      place: "ProxyPreserveHost On",
    },
    caddy: { part: ":80 {\n  reverse_proxy /other* 127.0.0.1:9090\n}", place: ":80 {" },
  };
  for (const name of names) {
    it(`is found to, and mended by what the doctor says: ${name}`, { skip: !hasProxy(name) }, async (t) => {
      const { part, place } = parts[name];
      const before = await examine((await setBehind(t, name, part)).url);
      assert.equal(before.of("route").verdict, "FAIL", before.output);
      const advice = before.of("route").remedy?.[name] ?? [];
      assert.match(advice.join("\n"), /\/live/);
      const lines = advice.filter((line) => !line.endsWith("# in backend channels"));
      const after = await examine((await setBehind(t, name, withLines(part, place, lines))).url);
      assert.equal(after.of("route").verdict, "ok", after.output);
    });
  }
});

describe("a proxy that wants a slash at the end", () => {
  it("is found to, and mended by what the doctor says: nginx", { skip: !hasProxy("nginx") }, async (t) => {
    const location = "location /live/ { proxy_pass http://127.0.0.1:9090; }";
    const part = `server {\n  listen 80;\n  ${location}\n}`;
    const before = await examine((await setBehind(t, "nginx", part)).url);
    assert.match(before.of("route").seen, /^redirected with 301 to .*\/live\/$/);
    const { name, nginx = [] } = before.of("route").remedy ?? {};
    assert.equal(name, "slash");
    const after = await examine((await setBehind(t, "nginx", part.replace(location, nginx.join("\n")))).url);
    assert.equal(after.of("route").verdict, "ok", after.output);
  });
});

describe("a proxy that spreads the requests of a client over several servers", { concurrency: 3 }, () => {
  const page = readFileSync(join(root, "docs", "proxies.md"), "utf8");
  /** With another server at a port, and some lines that say who gets what. */
  type Balance = (port: number, lines: string) => string;
  const balances: readonly { readonly name: ProxyName; readonly broken: string; readonly balance: Balance }[] = [
    {
      name: "nginx",
      broken: "",
      balance: (port, lines) =>
        `upstream channels {\n${lines}\nserver 127.0.0.1:9090; server 127.0.0.1:${port};\n}\n` +
        documentedConfiguration("nginx").replace("http://127.0.0.1:9090", "http://channels"),
    },
    {
      name: "haproxy",
      broken: "",
      balance: (port, lines) => `${documentedConfiguration("haproxy")}  server other 127.0.0.1:${port}\n${lines}\n`,
    },
    {
      name: "caddy",
      broken: "lb_policy round_robin",
      balance: (port, lines) =>
        documentedConfiguration("caddy").replace(" {\n    flush", ` 127.0.0.1:${port} {\n${lines}\nflush`),
    },
  ];
  for (const { name, broken, balance } of balances) {
    it(`is found to, and mended by what the doctor says: ${name}`, { skip: !hasProxy(name) }, async (t) => {
      const other = await setSite(t);
      const before = await examine((await setBehind(t, name, balance(other.port, broken))).url);
      // Once, and not by chance: what takes a session of several requests is not tried, and all else is fine.
      assert.deepEqual(before.faults, ["FAIL same-server"], before.output);
      const { seen, remedy } = before.of("same-server");
      assert.match(seen, /^request \d of 6, of a session just opened: refused with 4005 unknown \(status 410\)$/);
      assert.equal(remedy?.name, "sticky");
      for (const check of ["parallel", "stream-idle", "poll", "body"]) {
        assert.equal(before.of(check).verdict, "skip", before.output);
        assert.equal(before.of(check).seen, "the requests of a session come to several servers");
      }
      for (const check of ["websocket", "stream"]) assert.equal(before.of(check).verdict, "ok", before.output);
      const advice = remedy[name] ?? [];
      const [line = ""] = advice;
      assert.ok(page.includes(line.replace(/ #.*/, "")), `docs/proxies.md does not say ${line}`);
      const after = await examine((await setBehind(t, name, balance(other.port, advice.join("\n")))).url);
      assert.deepEqual(after.faults, [], after.output);
      assert.equal(after.of("same-server").verdict, "ok", after.output);
    });
  }

  const keepers: readonly { readonly name: ProxyName; readonly keep: string }[] = [
    { name: "haproxy", keep: "  cookie server insert indirect nocache" },
    { name: "caddy", keep: "lb_policy cookie" },
  ];
  for (const { name, keep } of keepers) {
    it(`is found to keep each client with its server by a cookie: ${name}`, { skip: !hasProxy(name) }, async (t) => {
      const other = await setSite(t);
      const { balance } = balances.find((each) => each.name === name) ?? {};
      assert.ok(balance);
      const part = balance(other.port, keep).replace(/ {2}server (\w+) \S+/g, "$& cookie $1");
      const { url } = await setBehind(t, name, part);
      const { faults, output } = await examine(url);
      assert.deepEqual(faults, [], output);
    });
  }
});

/** Puts lines behind the first one that begins as it is said; of nginx, those that belong outside, in front of all. */
function withLines(part: string, begin: string, lines: readonly string[]): string {
  const isOutside = (line: string): boolean => line.endsWith("# in http { }");
  const at = part.indexOf("\n", part.indexOf(begin)) + 1;
  const inside = lines.filter((line) => !isOutside(line)).join("\n");
  return `${lines.filter(isOutside).join("\n")}\n${part.slice(0, at)}${inside}\n${part.slice(at)}`;
}
