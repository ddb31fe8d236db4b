import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import type { ControlRecord } from "../protocol/control-record.ts";
import { FrameDecoder, framesOf } from "../protocol/frame-codec.ts";
import { subprotocol } from "../protocol/http-fields.ts";
import type { SessionRecord } from "../protocol/record-codec.ts";
import { Arrivals, notOfProtocol } from "./arrivals.ts";
import { type Failure, mostRecordBytes } from "./post.ts";
import type { Target } from "./target.ts";

/** The upgrade was answered by something else than 101. */
export type Refused = {
  readonly what: "refused";
  readonly status: number;
  readonly location: string | undefined;
  readonly afterMs: number;
};

/** A WebSocket that is open. */
export type Line = {
  readonly what: "line";
  /** Of the 101. */
  readonly headers: IncomingHttpHeaders;
  readonly openMs: number;
  readonly openedAtMs: number;
  readonly arrivals: Arrivals;
  write(record: ControlRecord): void;
  hangUp(): void;
};

export type DialOptions = {
  readonly limitMs: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly take?: (record: SessionRecord) => void;
};

/** Opens a WebSocket for a session. Never rejects. */
export function dial(target: Target, { limitMs, headers = {}, take }: DialOptions): Promise<Line | Refused | Failure> {
  // "http:" becomes "ws:", and "https:" becomes "wss:".
  const url = target.url.href.replace("http", "ws");
  const dialledAtMs = performance.now();
  const socket = new WebSocket(url, subprotocol, {
    headers: { ...target.headers, ...headers },
    maxPayload: mostRecordBytes,
  });
  const arrivals = readArrivals(socket, take);
  return new Promise((resolve) => {
    const settle = (result: Line | Refused | Failure): void => {
      clearTimeout(timer);
      if (result.what !== "line") socket.terminate();
      resolve(result);
    };
    const afterMs = (): number => performance.now() - dialledAtMs;
    const timer = setTimeout(
      () => settle({ what: "failure", code: "TIMEOUT", text: "no answer", afterMs: afterMs() }),
      limitMs,
    );
    socket.on("unexpected-response", (_request, { statusCode: status = 0, headers: answered }: IncomingMessage) =>
      settle({ what: "refused", status, location: answered.location, afterMs: afterMs() }),
    );
    socket.on("error", (error: NodeJS.ErrnoException) => {
      arrivals.finish(undefined, error.message);
      settle({ what: "failure", code: error.code ?? "", text: error.message, afterMs: afterMs() });
    });
    let answered: IncomingHttpHeaders = {};
    socket.on("upgrade", (response) => void (answered = response.headers));
    socket.on("open", () =>
      settle({
        what: "line",
        headers: answered,
        openMs: afterMs(),
        openedAtMs: performance.now(),
        arrivals,
        write(record) {
          if (socket.readyState !== WebSocket.OPEN) return;
          for (const frame of framesOf(record)) socket.send(frame);
        },
        hangUp: () => socket.terminate(),
      }),
    );
  });
}

function readArrivals(socket: WebSocket, take: DialOptions["take"]): Arrivals {
  const arrivals = new Arrivals();
  const decoder = new FrameDecoder();
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    arrivals.heard();
    const record = decoder.read(isBinary ? new Uint8Array(data) : data.toString());
    if (record === undefined) return;
    if (typeof record === "object" && "fault" in record) {
      arrivals.finish(undefined, notOfProtocol);
      return;
    }
    take?.(record);
    arrivals.take(record);
  });
  for (const sign of ["ping", "pong"] as const) socket.on(sign, () => arrivals.heard());
  socket.on("close", (code, reason) => {
    const text = `closed with ${code} ${reason.toString()}`;
    // RFC 6455 §7.1.5: 1006 stands for a connection that ended without a Close frame.
    arrivals.finish(code === 1006 ? undefined : code, code === 1006 ? "the connection ended" : text);
  });
  return arrivals;
}
