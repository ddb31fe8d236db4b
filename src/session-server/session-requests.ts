import { type Fault, maxControlBytes } from "../protocol/control-codec.ts";
import type { Environment } from "../channel/environment.ts";
import { ChannelErrorOf } from "../channel/errors.ts";
import { isThenable } from "../channel/mailbox.ts";
import { closeCodes } from "../protocol/close-code.ts";
import type { AttachRecord } from "../protocol/control-record.ts";
import { protocolField, protocolVersion, type SessionCredentials } from "../protocol/http-fields.ts";
import { mostHeaderBytes } from "../protocol/record-codec.ts";
import { type ChannelKit, plainChannels } from "../server/channel-kit.ts";
import { takeOpening } from "../server/opening.ts";
import { ServedRequest } from "../server/served-request.ts";
import { type Refusal, superseded, unknown } from "../session/refusal.ts";
import type { Admitted } from "./admission.ts";
import { sharingFields } from "./cross-origin.ts";
import { HttpTransport } from "./http-transport.ts";
import { recordOf } from "./item.ts";
import { PollTransport } from "./poll-transport.ts";
import { credentialsOf, readRecords, type RequestRecords, type WholeMessage } from "./request-records.ts";
import type { SessionTerms } from "./session-channel.ts";
import type { Asking as AskingTransport, SessionHost } from "./session-host.ts";
import { SessionResponse } from "./session-response.ts";
import { StreamTransport } from "./stream-transport.ts";

/** A request with what the server knows of it. */
export type HttpAsking = { readonly message: WholeMessage; readonly environment: Environment };

/** Who asks for a session. */
type Asking<User> = Omit<AskingTransport<User>, "transport">;

const closed: Refusal = { code: 1000, reason: "" };

/** A control record and its header. */
const mostAttachBytes = maxControlBytes + mostHeaderBytes;

/** The HTTP half of the session protocol: attaches, polls and sends, each of which is a POST. */
export class SessionRequests<User> {
  readonly #host: SessionHost<User>;

  constructor(host: SessionHost<User>) {
    this.#host = host;
  }

  /** Answers a request whose origin is allowed. */
  accept(
    request: Request,
    { message, environment }: HttpAsking,
    terms: SessionTerms<User>,
  ): Response | Promise<Response> {
    if (message.headers[protocolField] !== protocolVersion)
      return this.#respond(request, (response) => response.refuseVersion());
    const credentials = credentialsOf(message);
    const { rawBody } = message;
    // Only who has a session may send more than one control record: what is large takes time to read.
    const isLarge = rawBody !== undefined && rawBody.length > mostAttachBytes;
    if (isLarge && (credentials === undefined || this.#host.registry.find(credentials) === undefined)) {
      return this.#respond(request, (response) => response.refuse(unknown));
    }
    const records = readRecords(message, this.#host.limits.maxMessageBytes);
    if ("fault" in records) return this.#refuseFault(request, records, credentials);
    const { head } = records;
    if (head.type === "attach") return this.#attach({ request, environment, terms }, { ...head, ...credentials });
    return this.#respond(request, (response) => this.#answer(response, records, credentials));
  }

  #attach(asking: Asking<User>, record: AttachRecord): Response | Promise<Response> {
    const admitted = this.#host.admit(asking.request, asking.environment);
    if (!isThenable(admitted)) return this.#attachAs(admitted, asking, record);
    return Promise.resolve(admitted).then((result) => this.#attachAs(result, asking, record));
  }

  #attachAs(admitted: Admitted<User> | Refusal, { request, terms }: Asking<User>, record: AttachRecord): Response {
    const { clock, limits } = this.#host;
    return this.#respond(request, (response) => {
      // Its client is gone: it would take the session from a transport that works, for nobody.
      if (!response.isOpen) return;
      if ("code" in admitted) {
        response.refuse(admitted);
        return;
      }
      const { environment } = response;
      const transport =
        record.mode === "poll"
          ? new PollTransport(response, clock, limits)
          : new StreamTransport(response, clock, limits.streamTickMs);
      this.#host.attach(record, admitted, { request, environment, terms, transport });
    });
  }

  /** Answers a poll or a send. */
  #answer(
    response: SessionResponse,
    { head, messages }: RequestRecords,
    credentials: SessionCredentials | undefined,
  ): void {
    const { registry } = this.#host;
    const session = credentials === undefined ? undefined : registry.find(credentials);
    if (session === undefined) {
      // A poll may come behind the end, whose ack is on its way, or was lost.
      const received = credentials && registry.receivedEndOf(credentials.session);
      if (received === undefined) response.refuse(unknown);
      else response.refuse(closed, [recordOf({ type: "ack", received })]);
      return;
    }
    const { attachment } = session;
    const transport = attachment?.transport;
    if (attachment?.number !== head.attach || !(transport instanceof HttpTransport)) response.refuse(superseded);
    else if (head.type === "poll") {
      const isTaken = transport instanceof PollTransport && session.poll(attachment, head.poll, head.received);
      if (isTaken) transport.park(response, head.holdMs);
      else response.refuse(superseded);
    } else if (head.type === "send") {
      const { intake } = transport;
      // A request may hold more than a slow handler is to have waiting: the client comes again with the rest.
      session.receiveBatch(attachment, head, messages, () => intake?.isFull === true);
      const acknowledge = (): void => {
        if (!response.isOpen) return;
        const { end } = session;
        if (end?.cause === "fault" || end?.cause === "gap") response.refuse(end);
        else response.acknowledge({ type: "ack", received: session.takeReceived() });
      };
      if (intake?.isFull !== true) acknowledge();
      else {
        const stopWaiting = intake.whenRoom(acknowledge);
        // For no longer than a poll: the client takes a response that does not come for a lost one.
        const stopHolding = this.#host.clock.after(this.#host.limits.pollHoldMs, acknowledge);
        // Also for a client that has left: one that comes and goes would else have as many requests kept as it makes.
        response.onDeparture({
          departed: () => {
            stopWaiting();
            stopHolding();
          },
        });
      }
    }
  }

  /** The session that the request names has ended with it. */
  #refuseFault(request: Request, { fault, name }: Fault, credentials: SessionCredentials | undefined): Response {
    return this.#respond(request, (response) => {
      const session = credentials === undefined ? undefined : this.#host.registry.find(credentials);
      if (session !== undefined) session.drop(name, fault);
      else {
        const remoteAddress = ServedRequest.addressOf(request);
        response.environment.report(new ChannelErrorOf("PEER_FAULT", { rule: fault, remoteAddress }));
      }
      response.refuse({ code: closeCodes[name], reason: fault });
    });
  }

  /** Answers a request with records, now or later. */
  #respond(request: Request, answer: (response: SessionResponse) => void): Response {
    let response: SessionResponse | undefined;
    const { message, opening } = ServedRequest.lookInto(request) ?? {};
    const sharing = message === undefined ? [] : sharingFields(message, opening?.allowedOrigins);
    const kit: ChannelKit = {
      ...plainChannels,
      http: (made, exchange, environment) => {
        response = new SessionResponse(made, exchange, this.#host.environmentFor(environment));
        response.sharing = sharing;
        return response;
      },
    };
    const use = (): void => {
      if (response !== undefined) answer(response);
    };
    return takeOpening(request).take(use, {}, kit);
  }
}
