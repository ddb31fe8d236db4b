import { subprotocol } from "../protocol/http-fields.ts";

// What those are answered who do not speak the protocol: mostly people who try a route out, or have forgotten something.
// Constant texts: nothing of the request comes back.

const answers = {
  wrongMethod: { status: 405, text: "Sessions are served here. Dial them with connect of channelkit/client." },
  noProtocol: {
    status: 403,
    text: "Sessions are served here. A POST needs the field Channelkit-Protocol; connect of channelkit/client sends it.",
  },
  foreignOrigin: {
    status: 403,
    text: "Pages of this origin may have no session here: the server's allowedOrigins lacks it.",
  },
} as const;

/** As the reason of a Close frame, which has room for 123 bytes: why a WebSocket is refused that offers no version of the protocol. */
export const noSubprotocol: string = `Sessions are served here: dial with connect of channelkit/client, or offer ${subprotocol}.`;

/** An answer with a text that says what to do. @param headers - further fields */
export function plainAnswer(name: keyof typeof answers, headers: Headers = new Headers()): Response {
  const { status, text } = answers[name];
  headers.set("Content-Type", "text/plain; charset=utf-8");
  headers.set("X-Content-Type-Options", "nosniff");
  return new Response(`${text}\n`, { status, headers });
}
