import { connect, type Socket } from "node:net";
import { isInterim, responseFraming, statusOf } from "./http-framing.ts";
import { HttpScanner } from "./http-scanner.ts";

/** Where the server is. */
export type Target = { readonly port: number; readonly hostname: string };

/** A connection to the server. The caller adds an `error` listener before its turn ends. */
export function connectTo({ hostname, port }: Target): Socket {
  return connect({ host: hostname, port, noDelay: true, allowHalfOpen: true });
}

/**
 * Sends a request over a connection of its own and throws the answer away.
 *
 * @param done - told how it went, once
 * @returns the connection, which ends after the answer
 */
export function sendAgain(target: Target, request: Buffer, method: string, done: (outcome: string) => void): Socket {
  const socket = connectTo(target);
  let outcome = "the server closed without an answer";
  let status = 0;
  const scanner = new HttpScanner({
    onHead(head) {
      status = statusOf(head);
      return responseFraming(head, method);
    },
    onBody: () => undefined,
    onEnd() {
      if (isInterim(status)) return;
      outcome = `answered ${status}, which is discarded`;
      socket.end();
    },
    onUnreadable: () => socket.destroy(),
  });
  socket.on("error", (error) => void (outcome = error.message));
  socket.on("data", (bytes) => scanner.write(bytes));
  socket.on("end", () => {
    scanner.end();
    socket.end();
  });
  socket.on("close", () => done(outcome));
  socket.write(request);
  return socket;
}
