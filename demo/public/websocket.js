import { byteLength, roomUrl, summarize } from "./protocol.js";

/**
 * One upgrade, then frames in both directions.
 *
 * @type {import("./protocol.js").OpenConnection}
 */
export function openWebSocket(attempt) {
  const url = roomUrl(attempt);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(url);
  attempt.wire({ direction: "up", text: `GET ${url.pathname} · Upgrade: websocket` });

  socket.addEventListener("open", () => {
    attempt.wire({ direction: "down", text: "101 Switching Protocols" });
    attempt.opened();
  });
  socket.addEventListener("message", ({ data }) => {
    const text = String(data);
    attempt.wire({ direction: "down", text: `text frame · ${summarize(text)}`, bytes: byteLength(text) });
    attempt.received(text);
  });
  socket.addEventListener("close", ({ code, reason, wasClean }) => {
    const how = wasClean ? "close frame" : "lost";
    attempt.wire({ direction: "end", text: `${how} · ${code}${reason === "" ? "" : ` ${reason}`}` });
    attempt.closed(reason === "" ? `code ${code}` : `${code}, ${reason}`);
  });

  return {
    async send(text) {
      if (socket.readyState !== WebSocket.OPEN) throw new Error("the WebSocket is not open");
      attempt.wire({ direction: "up", text: "text frame · message", bytes: byteLength(text) });
      socket.send(text);
    },
    close() {
      if (socket.readyState === WebSocket.OPEN) attempt.wire({ direction: "up", text: "close frame · 1000" });
      socket.close(1000);
    },
  };
}
