import type { SessionLimits } from "../../src/channel/session-limits.ts";
import {
  type ChannelError,
  createSessions,
  type RequestHandler,
  type SessionChannel,
  type Sessions,
} from "../../src/index.ts";
import { type Scope, setServer } from "../server/set-server.ts";

/** Silence is noticed soon, and everything fits that is sent while nothing arrives. */
const patientLimits = {
  pingIntervalMs: 100,
  pongTimeoutMs: 500,
  pollHoldMs: 200,
  streamTickMs: 100,
  ackDelayMs: 20,
  attachTimeoutMs: 2000,
  maxUnacknowledgedBytes: 8 * 1024 * 1024,
  maxReplayBytes: 8 * 1024 * 1024,
  maxReplayMessages: 10_000,
};

type Stage = { readonly port: number; readonly errors: readonly ChannelError[] };
type Opened = (channel: SessionChannel) => void;

/** The server of any number of conversations. Each has a path of its own, by which its sessions come to it. */
export class ConversationServer {
  readonly sessions: Sessions;
  readonly port: number;
  /** What the server reported that is no fault of a client: of those a long run has a thousand, each with its stacks. */
  readonly errors: readonly ChannelError[];
  readonly #conversations: Map<string, Opened>;
  #count = 0;

  /** @param others - takes the requests for no session */
  static async start(
    scope: Scope,
    limits?: Partial<SessionLimits>,
    others?: RequestHandler,
  ): Promise<ConversationServer> {
    const sessions = createSessions({ limits: { ...patientLimits, ...limits } });
    const conversations = new Map<string, Opened>();
    const errors: ChannelError[] = [];
    const onError = (error: ChannelError): void => {
      if (error.code !== "PEER_FAULT") errors.push(error);
    };
    const handler: RequestHandler = (request) => {
      if (others !== undefined && !sessions.accepts(request)) return others(request);
      const opened = conversations.get(new URL(request.url).pathname);
      return opened === undefined ? new Response(null, { status: 404 }) : sessions.accept(request, opened);
    };
    const { port } = await setServer(scope, handler, { onError });
    return new ConversationServer(sessions, conversations, { port, errors });
  }

  private constructor(sessions: Sessions, conversations: Map<string, Opened>, { port, errors }: Stage) {
    this.sessions = sessions;
    this.port = port;
    this.errors = errors;
    this.#conversations = conversations;
  }

  /** @returns the path to dial */
  expect(opened: Opened): string {
    const path = `/${(this.#count += 1)}`;
    this.#conversations.set(path, opened);
    return path;
  }

  /** Nobody comes any more by this path. */
  forget(path: string): void {
    this.#conversations.delete(path);
  }
}
