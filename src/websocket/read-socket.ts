import type { Socket } from "node:net";

type ChunkReader = { read(chunk: Buffer): void };

const readerKey: unique symbol = Symbol("channelkit.reader");
type ReadSocket = Socket & { [readerKey]?: ChunkReader };

/** Hands what a socket reads to its reader, from now on. */
export function readSocket(socket: ReadSocket, reader: ChunkReader): void {
  socket[readerKey] = reader;
  socket.on("data", readChunk);
  socket.resume();
}

/** One listener for all sockets: one for each would take as much memory as what a group keeps for a member. */
function readChunk(this: ReadSocket, chunk: Buffer): void {
  this[readerKey]?.read(chunk);
}
