import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { close, frame, opcodes, parseFrame, type Frame } from "../support/frames.ts";
import { acceptValue } from "../support/handshake.ts";

/**
 * An echo that gets right what is legal and checks nothing: the server that the cases must be able to tell from a good
 * one. It shares no code with the library.
 */
export async function startSloppyEcho(): Promise<{ port: number; stop(): void }> {
  const server = createServer();
  const sockets = new Set<Duplex>();
  server.on("upgrade", (request, socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    const accept = acceptValue(request.headers["sec-websocket-key"] ?? "");
    socket.write(
      `HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    echoAll(socket);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function echoAll(socket: Duplex): void {
  let unread = Buffer.alloc(0);
  let fragments: Frame[] = [];
  const take = (next: Frame): void => {
    if (next.opcode === opcodes.close) socket.end(frame({ opcode: opcodes.close, payload: next.payload, mask: false }));
    else if (next.opcode === opcodes.ping)
      socket.write(frame({ opcode: opcodes.pong, payload: next.payload, mask: false }));
    else if (next.opcode < opcodes.close) {
      fragments.push(next);
      if (!next.fin) return;
      const payload = Buffer.concat(fragments.map((each) => each.payload));
      socket.write(frame({ opcode: fragments[0]?.opcode ?? 0, payload, mask: false }));
      fragments = [];
    }
  };
  socket.on("data", (bytes: Buffer) => {
    unread = Buffer.concat([unread, bytes]);
    for (let next = parseFrame(unread); next !== undefined; next = parseFrame(unread)) {
      unread = unread.subarray(next.sizeBytes);
      if (socket.writable) take(next.value);
    }
  });
  socket.on("end", () => socket.end(close(1006, "", { mask: false })));
}
