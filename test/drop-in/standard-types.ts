// oxlint-disable unicorn/prefer-add-event-listener -- handlers are what is tested; libraries set them
import { SessionWebSocket, webSocketOf } from "channelkit/websocket";

/**
 * What says `WebSocket` here is the type of the platform. It is compiled with the types of Node and, by
 * tsconfig.browser.json, with those of browsers: that it compiles is the test.
 */
export const standardClasses: readonly (typeof WebSocket)[] = [SessionWebSocket, webSocketOf()];

/** Sets all that code can set which was written for the WebSocket of the platform. */
function use(socket: WebSocket, tell: (said: unknown) => void): void {
  socket.onopen = () => socket.send(new Uint8Array([1]));
  socket.onmessage = ({ data }: MessageEvent) => tell(data);
  socket.addEventListener("close", ({ code, reason, wasClean }) => tell([code, reason, wasClean]));
}

/** The same for code that is written for ours, where the types of events come from their names. */
export function useOwn(socket: SessionWebSocket, tell: (said: string | number | boolean) => void): void {
  const close = ({ code, wasClean }: { readonly code: number; readonly wasClean: boolean }): void => {
    tell(code);
    tell(wasClean);
  };
  socket.addEventListener("message", ({ data }) => typeof data === "string" && tell(data), { once: true });
  socket.addEventListener("close", close);
  socket.removeEventListener("close", close);
  socket.addEventListener("error", ({ message }) => tell(message ?? ""));
  // @ts-expect-error -- a close event has no data
  socket.addEventListener("close", ({ data }) => typeof data);
  use(socket, () => undefined);
}
