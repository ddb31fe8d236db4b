import type { Environment } from "../channel/environment.ts";
import type { Encoder } from "../channel/payload.ts";
import { encodeResponse, type Head } from "./head.ts";

/** Encoders of whole responses to a shared message, one for each variant of a response. */
export type AnswerEncoders = {
  readonly persistent: Encoder;
  readonly "persistent-1.0": Encoder;
  readonly closing: Encoder;
};

const encodersOf = new WeakMap<Environment, AnswerEncoders>();

/** The encoders for one server: the same functions each time, since they are the keys under which bytes are shared. */
export function answerEncoders(environment: Environment): AnswerEncoders {
  let encoders = encodersOf.get(environment);
  if (encoders === undefined) {
    const encoderFor =
      (connection: "close" | "Keep-Alive" | undefined): Encoder =>
      (payload) => {
        const { serverHeader } = environment;
        const contentLength = payload.bytes.length;
        const framing = { contentLength, connection, serverHeader };
        return encodeResponse(sharedHead(payload.contentType), framing, payload.bytes);
      };
    encoders = {
      persistent: encoderFor(undefined),
      "persistent-1.0": encoderFor("Keep-Alive"),
      closing: encoderFor("close"),
    };
    encodersOf.set(environment, encoders);
  }
  return encoders;
}

/** The head under which a group's message goes to an HTTP member that has none yet. */
export function sharedHead(contentType: string): Head {
  return {
    status: 200,
    fields: [
      ["Content-Type", contentType],
      ["Cache-Control", "no-store"],
      ["X-Content-Type-Options", "nosniff"],
    ],
    closesConnection: false,
    contentLength: undefined,
  };
}
