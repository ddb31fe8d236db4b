/** What mends a fault, by name. */
export type RemedyName =
  | "address"
  | "silent"
  | "tls"
  | "noTls"
  | "redirect"
  | "slash"
  | "path"
  | "upstream"
  | "serverFault"
  | "cut"
  | "authorization"
  | "protocolField"
  | "busy"
  | "version"
  | "connections"
  | "upgrade"
  | "buffering"
  | "compression"
  | "caching"
  | "framing"
  | "silence"
  | "bodyLimit"
  | "sticky"
  | "host"
  | "origins"
  | "anyOrigin"
  | "originField";

/** What a remedy is filled in with. */
export type RemedyFacts = {
  /** Where the route is. */
  readonly path: string;
  /** The page that is to have sessions. */
  readonly origin: string;
  /** Longer than the server lets any transport be silent. */
  readonly silenceSeconds: number;
  /** As much as the body of a request may have. */
  readonly bodyBytes: number;
};

/** The proxies that docs/proxies.md has whole configurations of. */
export type ProxyName = "nginx" | "haproxy" | "apache" | "caddy";

/** What to do, and the lines of configuration by which a proxy does it. */
export type Remedy = { readonly what: string } & { readonly [Proxy in ProxyName]?: readonly string[] };

type MakeRemedy = (facts: RemedyFacts) => Remedy;

const remedies: Readonly<Record<RemedyName, MakeRemedy>> = {
  address: () => ({
    what: "Check host, port and name service; the proxy, or the server itself, has to listen there.",
  }),
  silent: ({ path }) => ({
    what: `Something took the connection, and answers nothing at ${path}. Either no route of sessions is there, and what is holds the request, as withChannel does: give it to sessions.accept. Or a server hangs, this one or one behind a proxy.`,
  }),
  tls: () => ({
    what: "Give the proxy the whole chain of a certificate for this host. A private authority is named in NODE_EXTRA_CA_CERTS.",
  }),
  noTls: () => ({
    what: "What answers at this port speaks no TLS, mostly plain HTTP: give the URL with http://, or let what stands before it, such as a proxy, do TLS and name its port.",
  }),
  redirect: () => ({
    what: "Give clients the URL to which this one leads: they follow no redirect, which could take a session elsewhere.",
  }),
  slash: ({ path }) => ({
    what: `Only a slash is missing at the end: what stands before the server has ${path}/ in place of ${path}. Take it away there, and leave the URL of clients as it is.`,
    nginx: [`location ${path} { proxy_pass http://127.0.0.1:9090; } # in place of location ${path}/`],
    haproxy: ["# remove: http-request redirect"],
    apache: [
      `ProxyPass "${path}" "http://127.0.0.1:9090${path}" upgrade=websocket flushpackets=on # in place of "${path}/"`,
    ],
    caddy: [`reverse_proxy ${path}* 127.0.0.1:9090 # in place of ${path}/*; and remove: redir`],
  }),
  path: ({ path }) => ({
    what: "Check the path, and pass it to the server with its method.",
    nginx: [
      `location ${path} { proxy_pass http://127.0.0.1:9090; } # no path behind the port, which would replace this one`,
    ],
    haproxy: [`use_backend channels if { path_beg ${path} }`],
    apache: [`ProxyPass "${path}" "http://127.0.0.1:9090${path}" upgrade=websocket flushpackets=on`],
    caddy: [`reverse_proxy ${path}* 127.0.0.1:9090`],
  }),
  upstream: ({ path }) => ({
    what: "The proxy does not reach the server: check that it runs, that the proxy has its address, and passes this path on.",
    nginx: ["proxy_pass http://127.0.0.1:9090;"],
    haproxy: [`use_backend channels if { path_beg ${path} }`, "server node 127.0.0.1:9090 # in backend channels"],
    apache: ['ProxyPass "/" "http://127.0.0.1:9090/" upgrade=websocket flushpackets=on'],
    caddy: ["reverse_proxy 127.0.0.1:9090"],
  }),
  serverFault: () => ({
    what: "What handles the request failed: the log of the server says why, and onError of channelkit where it was a handler of it; or the log of the proxy, if that has answered.",
  }),
  cut: ({ silenceSeconds }) => ({
    what: "Something broke the answer off: the server, which its log then says, or what stands between, by a limit of time, or of what it keeps of a response.",
    nginx: ["proxy_buffering off;", `proxy_read_timeout ${silenceSeconds}s;`],
    haproxy: [`timeout client ${silenceSeconds}s`, `timeout server ${silenceSeconds}s`],
    apache: [`ProxyTimeout ${silenceSeconds}`],
    caddy: ["# remove: read_timeout, write_timeout, stream_timeout"],
  }),
  authorization: () => ({
    what: "Say who asks, by --token or --header, if the server or the proxy wants to know.",
  }),
  busy: () => ({
    what: "The server itself has no session to give for now, and nothing before it is wrong. Its onError says why where authorize threw or was late; else a limit of its sessions or attaches is reached.",
  }),
  protocolField: () => ({
    what: "Let the proxy pass on the fields Channelkit-Protocol and Channelkit-Session, and let it add no Origin.",
  }),
  version: () => ({ what: "Use the doctor of the version of channelkit that the server has." }),
  connections: () => ({
    what: "Let a client have several long requests at once: a stream or a poll, and a request that sends.",
    nginx: ["limit_conn_zone $binary_remote_addr zone=perip:1m; # in http { }", "limit_conn perip 20;"],
    haproxy: ["# raise in what denies or queues: maxconn, src_conn_cur"],
    apache: ["# use mpm_event in place of mpm_prefork", "MaxRequestWorkers 1000"],
    caddy: ["# has no such limit by itself"],
  }),
  upgrade: () => ({
    what: "Pass upgrades on. Without WebSocket clients fall back to streams, which cost more.",
    nginx: [
      'map $http_upgrade $connection_upgrade { default upgrade; "" ""; } # in http { }',
      "proxy_http_version 1.1;",
      "proxy_set_header Upgrade $http_upgrade;",
      "proxy_set_header Connection $connection_upgrade;",
    ],
    haproxy: ["mode http # passes them on; remove: http-request del-header Upgrade"],
    apache: ['ProxyPass "/" "http://127.0.0.1:9090/" upgrade=websocket flushpackets=on'],
    caddy: ["reverse_proxy 127.0.0.1:9090 # passes them on; remove: header_up -Upgrade"],
  }),
  buffering: () => ({
    what: "Pass each piece of a response on at once. Held back, streams are left for polls.",
    nginx: ["proxy_buffering off; # and remove: proxy_ignore_headers X-Accel-Buffering"],
    haproxy: ["option http-no-delay # and remove: compression algo"],
    apache: ['ProxyPass "/" "http://127.0.0.1:9090/" upgrade=websocket flushpackets=on'],
    caddy: ["# passes on at once what has no Content-Length"],
  }),
  compression: () => ({
    what: "Do not compress: Cache-Control: no-transform forbids it, and it holds streams back.",
    nginx: ["gzip off;"],
    haproxy: ["# remove: filter compression, compression algo"],
    apache: ["SetEnv no-gzip 1"],
    caddy: ["# remove: encode"],
  }),
  caching: () => ({
    what: "Leave Cache-Control: no-store, no-transform as the server writes it.",
    nginx: ["expires off; # and remove: proxy_hide_header Cache-Control, add_header Cache-Control"],
    haproxy: ["# remove: http-response set-header Cache-Control"],
    apache: ["# remove: Header set Cache-Control, ExpiresDefault"],
    caddy: ["# remove: header Cache-Control"],
  }),
  framing: () => ({
    what: "Leave Transfer-Encoding: chunked: without it a stream that broke off looks like one that ended.",
    nginx: ["chunked_transfer_encoding on;"],
    haproxy: ["# keeps it by itself"],
    apache: ["# remove: SetEnv downgrade-1.0, SetEnv force-response-1.0"],
    caddy: ["# keeps it by itself"],
  }),
  silence: ({ silenceSeconds }) => ({
    what: "Let connections be silent for longer than the server lets them be.",
    nginx: [`proxy_read_timeout ${silenceSeconds}s;`],
    haproxy: [
      `timeout client ${silenceSeconds}s`,
      `timeout server ${silenceSeconds}s`,
      `timeout tunnel ${silenceSeconds}s # of WebSockets`,
    ],
    apache: [`ProxyTimeout ${silenceSeconds}`],
    caddy: ["# remove: read_timeout, write_timeout, stream_timeout"],
  }),
  bodyLimit: ({ bodyBytes }) => ({
    what: "Take bodies as large as the server takes; or give sessions a lower maxMessageBytes, which clients are told.",
    nginx: [`client_max_body_size ${bodyBytes};`],
    haproxy: ["# remove: http-request deny if { req.body_size gt … }"],
    apache: ["# has no limit for what it passes on; see SecRequestBodyLimit of mod_security"],
    caddy: ["request_body {", `  max_size ${bodyBytes}`, "}"],
  }),
  sticky: () => ({
    what: "Send all requests of a client to the same server: a session lives in one process.",
    nginx: ["hash $remote_addr consistent; # in upstream { }"],
    haproxy: ["balance source"],
    apache: ["# ProxySet stickysession=… with a cookie of the route, see mod_proxy_balancer"],
    caddy: ["lb_policy ip_hash"],
  }),
  host: () => ({
    what: "Pass the host on that the client asked for: by it the server knows pages of its own, and what it serves at all.",
    nginx: ["proxy_set_header Host $http_host;"],
    haproxy: ["# remove: http-request set-header Host"],
    apache: ["ProxyPreserveHost On"],
    caddy: ["# remove: header_up Host"],
  }),
  origins: ({ origin }) => ({
    what: `Allow the page in the options of serve: allowedOrigins: ["${origin}"]. And let the proxy leave alone what stands in Access-Control fields.`,
  }),
  anyOrigin: () => ({
    what: 'Name the pages in allowedOrigins of serve: "*" is for services without cookies.',
  }),
  originField: () => ({
    what: "Pass Origin on: without it the server takes the pages of strangers for programs, and lets them in with the cookies of users.",
    nginx: ["proxy_set_header Origin $http_origin;"],
    haproxy: ["# remove: http-request del-header Origin"],
    apache: ["# remove: RequestHeader unset Origin"],
    caddy: ["# remove: header_up -Origin"],
  }),
};

export function remedyFor(name: RemedyName, facts: RemedyFacts): Remedy {
  return remedies[name](facts);
}
