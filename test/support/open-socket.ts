import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ConnectionOptions } from "node:tls";
import { within } from "./expect.ts";

export type ConnectOptions = {
  host?: string;
  tls?: boolean | ConnectionOptions;
  allowHalfOpen?: boolean;
  timeoutMs?: number;
};

/** The socket to read and write, and the TCP socket below it, which is the same one without TLS. */
export type OpenSocket = { socket: Socket; tcp: Socket };

export async function openSocket(port: number, options: ConnectOptions): Promise<OpenSocket> {
  const { host = "127.0.0.1", tls = false, allowHalfOpen = true, timeoutMs = 2000 } = options;
  const tcp = connectTcp({ host, port, allowHalfOpen, noDelay: true });
  try {
    await within(timeoutMs, once(tcp, "connect"), "the connection");
    if (tls === false) return { socket: tcp, tcp };
    const settings = { servername: "localhost", rejectUnauthorized: false, ...(tls === true ? {} : tls) };
    const socket = connectTls({ ...settings, socket: tcp });
    await within(timeoutMs, once(socket, "secureConnect"), "the handshake of TLS");
    return { socket, tcp };
  } catch (cause) {
    tcp.on("error", () => undefined); // it may still fail after nobody waits for it
    tcp.destroy();
    throw new Error(`cannot connect to ${host}:${port}`, { cause });
  }
}
