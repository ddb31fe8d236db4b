import { parseArgs } from "node:util";
import { leastSecret, type Target } from "./target.ts";

export const usage = `Usage: channelkit doctor URL [options]

Looks at a route of sessions from outside, as a client does, and says what is wrong and what mends it.

  --origin ORIGIN         of the page that uses the route (default: that of URL)
  --token TOKEN           sent as Authorization: Bearer, and over a WebSocket; 8 characters or more
  --header "Name: value"  sent with every request; may be repeated
  --idle SECONDS          how long transports are left idle (default: 5, at most 3600)
  --timeout SECONDS       how long any one answer may take (default: 5, at most 60)
  --json                  prints the report as JSON
  --help                  prints this
  --version               prints the version of channelkit

Ends with 0 if no check failed, 1 if one did, 2 for wrong usage.
`;

/** What the command is to do. */
export type Command =
  | { readonly what: "diagnose"; readonly target: Target; readonly isJson: boolean }
  | { readonly what: "help" | "version" };

const options = {
  origin: { type: "string" },
  token: { type: "string" },
  header: { type: "string", multiple: true },
  idle: { type: "string", default: "5" },
  timeout: { type: "string", default: "5" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
  version: { type: "boolean", short: "v", default: false },
} as const;

/** By these the doctor says what it wants, and how long it is. */
const ownFields = /^(?:connection|content-.*|transfer-encoding|expect|upgrade|origin|sec-.*|channelkit-.*)$/i;

/** @returns what is wrong with the arguments, as text. Never says the value of a token or header */
export function readArguments(given: readonly string[]): Command | string {
  try {
    const { values, positionals } = parseArgs({ args: [...given], options, allowPositionals: true });
    if (values.help) return { what: "help" };
    if (values.version) return { what: "version" };
    const [name, address, ...more] = positionals;
    // Not with the name that was given: of a header without its quotes that may be the value.
    if (name !== "doctor") return "The command is: channelkit doctor URL";
    if (address === undefined) return "doctor needs the URL of a route, such as https://example.com/live";
    if (more.length > 0) return 'doctor takes one URL, and a header in quotes: "Name: value"';
    const url = URL.canParse(address) ? new URL(address) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) return "URL must begin with http:// or https://";
    if (url.username !== "" || url.password !== "") return "URL may have no user and password: use --header";
    // A browser sends no fragment either, and a WebSocket may not be given one.
    url.hash = "";
    const headers = readHeaders(values.header ?? []);
    if (typeof headers === "string") return headers;
    const idleSeconds = readSeconds(values.idle, 3600);
    const timeoutSeconds = readSeconds(values.timeout, 60);
    if (idleSeconds === undefined) return "--idle must be a number of seconds up to 3600";
    if (timeoutSeconds === undefined) return "--timeout must be a number of seconds up to 60";
    const { token, origin = url.origin } = values;
    if (token !== undefined && !/^[\x21-\x7e]{1,8192}$/.test(token)) {
      return `--token must have ${leastSecret} to 8192 visible ASCII characters`;
    }
    if (token !== undefined && token.length < leastSecret) {
      return `--token must have ${leastSecret} to 8192 characters: a shorter one could not be hidden in the report. If it is no secret, give --header "Authorization: Bearer …"`;
    }
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) return "--origin must be like https://example.com";
    const times = { limitMs: timeoutSeconds * 1000, idleMs: idleSeconds * 1000 };
    return { what: "diagnose", target: { url, headers, token, origin, ...times }, isJson: values.json };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function readSeconds(text: string, most: number): number | undefined {
  const seconds = Number(text);
  return text.trim() !== "" && seconds > 0 && seconds <= most ? seconds : undefined;
}

function readHeaders(lines: readonly string[]): Record<string, string> | string {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    // RFC 9110 §5.1 and §5.5, without what Node would not send.
    const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):[ \t]*([\x20-\x7e\x80-\xff]*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return '--header must be like "Name: value"';
    if (ownFields.test(name)) return `--header may not set ${name}`;
    headers[name.toLowerCase()] = value.trim();
  }
  return headers;
}
