import { EventEmitter } from "node:events";
import { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Head } from "../http/head.ts";
import type { NodeExchange } from "./node-exchange.ts";

/** Node's own mark for the response that is being written to a socket. */
type NodeSocket = Socket & { _httpMessage?: ServerResponse | null };

/**
 * A class with everything of another except what its constructor does to each object.
 *
 * What the constructor sets is set once, on an object that all others inherit from, so that Node finds what it looks
 * for. Objects among it are frozen: a Node that changes one in place gets an error, where it would mix up requests.
 */
function withoutConstructor<Instance extends object>(template: Instance): new () => Instance {
  // An emitter makes room for listeners when it has none yet.
  Object.assign(template, { _events: undefined });
  for (const key of Reflect.ownKeys(template)) Object.freeze(Reflect.get(template, key));
  function Light(): void {
    // Nothing: that is the point.
  }
  Light.prototype = template;
  return Light as unknown as new () => Instance;
}

function createMessage(): IncomingMessage {
  // Node's typings want a socket; the constructor does without.
  return new IncomingMessage(undefined as unknown as Socket);
}

// Node asks whether somebody has begun to read the body, and would read it to its end if nobody had.
const MessageWithoutStream: new () => IncomingMessage = withoutConstructor(
  Object.assign(createMessage(), { _consuming: true }),
);
const ResponseWithoutStream: new () => ServerResponse = withoutConstructor(new ServerResponse(createMessage()));

/** Stands in no header line (RFC 9110 §5.5). */
const lineEnd = "\n";
const noLines: string[] = [];
Object.freeze(noLines);
const noFields: Head["fields"] = [];
const noBytes: Buffer = Buffer.alloc(0);

/**
 * A request as Node's parser hands it over, without the stream that Node makes of each.
 *
 * The stream takes more time and memory than all that a parked poll needs, and a body is read whole anyway: its pieces
 * are emitted as they come, as `data`, and its end as `end`.
 */
export class LightRequest extends MessageWithoutStream implements NodeExchange {
  override socket: Socket;
  override method = "";
  override url = "";
  override httpVersion = "";
  override httpVersionMajor = 0;
  override httpVersionMinor = 0;
  declare rawHeaders: string[];
  joinDuplicateHeaders = false;
  upgrade: boolean | null = null;
  override complete = false;
  override aborted = false;
  /** Set at the end of the body. Node keeps the request in its parser until then. */
  override readableEnded = false;
  /** Where srvx looks for a body that was read already. */
  rawBody: Buffer | undefined = undefined;
  /** Until Node is told that it is complete. */
  response: LightResponse | undefined = undefined;
  /** As Node's parser gives them; of a request that is kept as one text, which takes a fifth of the memory. */
  #lines: string[] | string = noLines;

  static {
    // TypeScript lets no accessor stand for a property of a class.
    Object.defineProperty(this.prototype, "rawHeaders", {
      get(this: LightRequest): string[] {
        return typeof this.#lines === "string" ? this.#lines.split(lineEnd) : this.#lines;
      },
      set(this: LightRequest, lines: string[]) {
        this.#lines = lines;
      },
    });
  }

  constructor(socket: Socket) {
    super();
    this.socket = socket;
  }

  get message(): this {
    return this;
  }

  get keepsAlive(): boolean {
    return this.response?.shouldKeepAlive === true;
  }

  get sharedResponse(): undefined {
    return undefined;
  }

  get presetFields(): Head["fields"] {
    return noFields;
  }

  get isConcluded(): boolean {
    return false;
  }

  /** Nobody else answers, and own answers wait for each other. */
  get isFirst(): boolean {
    return true;
  }

  whenFirst(callback: () => void): void {
    callback();
  }

  join(): boolean {
    return true;
  }

  begins(): boolean {
    return true;
  }

  /** Always: srvx would look for a body that it does not find here in the stream, which there is not. */
  keepBody(body: Buffer | undefined): void {
    this.rawBody = body ?? noBytes;
  }

  /**
   * What Node keeps for a request in progress takes more memory than a parked poll. Nothing is lost: requests behind it
   * wait at the connection, and the end of the connection is noticed there.
   */
  release(): void {
    this.conclude();
    this.compact();
  }

  /** Keeps the header fields in the least memory; all other forms of them are made anew when somebody asks for one. */
  compact(): void {
    Object.assign(this, { headers: undefined });
    if (typeof this.#lines !== "string" && this.#lines.length > 0) this.#lines = this.#lines.join(lineEnd);
  }

  /** Node learns this from the event alone: it then lets the next response have the socket. */
  conclude(): void {
    const { response } = this;
    if (response === undefined) return;
    this.response = undefined;
    response.finished = true;
    response.emit("finish");
  }

  abort(): void {
    this.destroy();
  }

  /** There is no body: Node need not keep the request in its parser to learn that. */
  endWithoutBody(): void {
    this.readableEnded = true;
  }

  /** Called by Node's parser: a piece of the body, or null at its end. @returns that more may come */
  override push(piece: Buffer | null): boolean {
    if (piece === null) {
      this.readableEnded = true;
      this.emit("end");
    } else this.emit("data", piece);
    return true;
  }

  /** Called by Node, too, for requests in progress on a connection that is gone. */
  override destroy(): this {
    if (this.aborted) return this;
    this.aborted = true;
    this.emit("aborted");
    this.emit("close");
    this.response?.destroy();
    return this;
  }

  override resume(): this {
    return this;
  }

  override pause(): this {
    return this;
  }
}

/**
 * What Node has for each response, as a mark of whose turn it is to write to the socket.
 *
 * Nothing can be written with it: responses are written by `Exchange`.
 */
class LightResponse extends ResponseWithoutStream {
  override readonly req: LightRequest;
  override finished = false;
  override destroyed = false;
  override shouldKeepAlive = true;

  constructor(request: LightRequest) {
    super();
    this.req = request;
    request.response = this;
  }

  /** Without the listener for the end of the connection that Node adds for each response: a turn is told of it. */
  override assignSocket(socket: NodeSocket): void {
    socket._httpMessage = this;
    Object.assign(this, { socket });
  }

  override detachSocket(socket: NodeSocket): void {
    socket._httpMessage = null;
    Object.assign(this, { socket: null });
  }

  override destroy(): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.emit("close");
    return this;
  }
}

// A stream looks at its state when it is given a listener. These two have none.
for (const { prototype } of [LightRequest, LightResponse]) {
  for (const name of ["on", "addListener", "off", "removeListener", "removeAllListeners"] as const) {
    Object.assign(prototype, { [name]: EventEmitter.prototype[name] });
  }
}

/** For the options of Node's servers. Their typings ask for the static members of streams, too. */
export const lightMessages: {
  readonly IncomingMessage: typeof IncomingMessage;
  readonly ServerResponse: typeof ServerResponse;
} = {
  IncomingMessage: LightRequest as unknown as typeof IncomingMessage,
  ServerResponse: LightResponse as unknown as typeof ServerResponse,
};
