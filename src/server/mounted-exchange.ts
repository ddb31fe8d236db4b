import type { IncomingMessage, ServerResponse } from "node:http";
import type { NodeExchange, OthersListener } from "./node-exchange.ts";

/** A request of a server that is somebody else's: middleware and frameworks have its response in their hands, too. */
export class MountedExchange implements NodeExchange {
  readonly message: IncomingMessage & { rawBody?: Buffer };
  readonly sharedResponse: ServerResponse;

  constructor(message: IncomingMessage, response: ServerResponse) {
    this.message = message;
    this.sharedResponse = response;
    // A client that goes away in the middle of a body makes both of them fail; the connection notices by itself.
    message.on("error", ignore);
    response.on("error", ignore);
  }

  get keepsAlive(): boolean {
    return this.sharedResponse.shouldKeepAlive;
  }

  /** What a framework, or middleware before a mounted handler, has set on Node's response: CORS fields, for example. */
  get presetFields(): [string, string][] {
    const response = this.sharedResponse;
    const fields: [string, string][] = [];
    for (const name of response.getHeaderNames()) {
      const value = response.getHeader(name) ?? [];
      for (const line of Array.isArray(value) ? value : [value]) fields.push([name, String(line)]);
    }
    return fields;
  }

  get isConcluded(): boolean {
    // After an answer of others, too, but of that the turn is told by an event.
    return this.sharedResponse.finished && this.sharedResponse.socket === null;
  }

  get isFirst(): boolean {
    return this.sharedResponse.socket !== null;
  }

  whenFirst(callback: () => void): void {
    this.sharedResponse.once("socket", () => process.nextTick(callback));
  }

  /** A time limit of the framework, or its error handler, may answer while the handler runs or its channel is parked. */
  join(listener: OthersListener): boolean {
    const response = this.sharedResponse;
    if (response.headersSent) return false;
    // Within their call of `end`, so that nothing can be written behind it. Behind an own answer there is no such call.
    response.once("prefinish", () => {
      listener.answeredElsewhere();
      response.once("finish", () => listener.completedElsewhere());
    });
    return true;
  }

  begins(): boolean {
    if (this.sharedResponse.headersSent) return false;
    // What others write from now on would get into the middle of this response.
    shield(this.sharedResponse);
    return true;
  }

  /** srvx takes a body that was read already from here. */
  keepBody(body: Buffer | undefined): void {
    if (body !== undefined) this.message.rawBody = body;
  }

  release(): void {
    // Others may hold on to both.
  }

  /**
   * Node learns that the response is complete from this event alone: it then lets the next response have the socket, and
   * does not take the end of the connection for that of a request in progress.
   */
  conclude(): void {
    this.sharedResponse.finished = true;
    this.sharedResponse.emit("finish");
  }

  abort(): void {
    // Node tells everybody.
  }
}

/** Makes a response of Node one that is answered, for everybody else who has it. */
function shield(response: ServerResponse): void {
  Object.defineProperty(response, "headersSent", { value: true });
  Object.assign(response, {
    write: () => false,
    end: () => response,
    writeHead: () => response,
    flushHeaders: () => undefined,
  });
}

function ignore(): void {
  // Noticed by the connection, which sees the same fault as its own end.
}
