// oxlint-disable unicorn/prefer-add-event-listener -- what browsers and ws have alike, with one listener of each sort
import { fault, lost } from "../protocol/close-code.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import { subprotocol } from "../protocol/http-fields.ts";
import { isControl } from "../protocol/is-control.ts";
import { checkWebSocket } from "./client-options.ts";
import { type Link, noResponse } from "./link.ts";
import { noBytes } from "./record-reader.ts";

/** A WebSocket, whose messages are those of a plain channel. */
export function openWebSocket(link: Link): void {
  const { settings, session } = link;
  const { WebSocket, url } = settings;
  checkWebSocket(WebSocket);
  // "http:" becomes "ws:", and "https:" becomes "wss:".
  const socket = new WebSocket(url.replace("http", "ws"), subprotocol);
  let isEscaped = false;
  let cause = "";

  async function write(record: ControlRecord): Promise<void> {
    try {
      const token = record.type === "attach" && (await settings.token?.());
      // The frame before one with a control record.
      socket.send(noBytes);
      socket.send(JSON.stringify({ ...record, ...(token && { token }) }));
    } catch (error) {
      link.detach(lost, String(error));
    }
  }

  socket.binaryType = "arraybuffer";
  socket.onopen = () => session.attach(link);
  socket.onmessage = ({ data }: { readonly data: string | ArrayBuffer }) => {
    try {
      const frame = typeof data === "string" ? data : new Uint8Array(data);
      if (isEscaped) {
        isEscaped = false;
        // Bytes are no JSON either.
        const record = JSON.parse(frame as string) as ControlRecord;
        session.receive(link, record.type === "empty" ? noBytes : record);
      } else if (frame !== "" && frame.length === 0) isEscaped = true;
      else session.receive(link, frame);
    } catch (error) {
      link.detach(fault, String(error));
    }
  };
  // Browsers tell nothing; that of ws says why.
  socket.onerror = ({ message = noResponse }: { readonly message?: string }) => (cause = message);
  socket.onclose = (event: { readonly code: number; readonly reason: string }) =>
    link.detach(event.code, event.reason || cause);
  link.write = (record) => void write(record);
  link.wake = () => {
    for (let item = session.next(link); item !== undefined; item = session.next(link)) {
      if (isControl(item)) void write(item);
      else if (item.length > 0 || item === "") socket.send(item);
      else void write({ type: "empty" });
    }
  };
  // A browser takes no other codes, and a server may have said any.
  link.hangUp = (code) => socket.close(code >= 3000 && code < 5000 ? code : 1000);
}
