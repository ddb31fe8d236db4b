import type { TestContext } from "node:test";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { type RunningProgram, runProgram } from "../support/child.ts";

export type Example = RunningProgram & { readonly port: number; readonly url: string };

/** Starts an example as a user would, under the Node that runs the test, on a free port. */
export async function startExample(
  context: TestContext,
  name: string,
  env: Record<string, string> = {},
): Promise<Example> {
  const program = await runProgram(`examples/${name}`, {
    env: { PORT: "0", ...env },
    readyPattern: /^listening on http:\/\/127\.0\.0\.1:(\d+)$/,
  });
  context.after(() => program.stop());
  const port = Number(program.ready?.[1]);
  return { ...program, port, url: `http://127.0.0.1:${port}` };
}

/** Sends a request and leaves the response to the test. */
export async function request(
  context: TestContext,
  { port }: Example,
  target: string,
  fields: Record<string, string> = {},
): Promise<RawClient> {
  const client = await connectRaw(port);
  context.after(() => client.destroy());
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  client.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${lines.join("")}\r\n`);
  return client;
}

/** A POST that must be answered with this status. @returns the body of the answer */
export async function post(
  { url }: Example,
  path: string,
  body: string,
  { status, headers }: { status: number; headers: Record<string, string> },
): Promise<string> {
  const response = await fetch(url + path, { method: "POST", body, headers });
  const text = await response.text();
  if (response.status !== status) throw new Error(`${path} answered ${response.status}: ${text}`);
  return text;
}
