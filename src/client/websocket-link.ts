// oxlint-disable unicorn/prefer-add-event-listener -- what browsers and ws have alike, with one listener of each sort
import type { Message } from "../channel/message-type.ts";
import { lost } from "../protocol/close-code.ts";
import { subprotocol } from "../protocol/http-fields.ts";
import { isControl } from "../protocol/is-control.ts";
import { type Link, noResponse } from "./link.ts";
import { readControl } from "./read-control.ts";
import { noBytes } from "./record-reader.ts";

/** A WebSocket, whose messages are those of a plain channel. */
export function openWebSocket(link: Link): void {
  const { settings, session } = link;
  // "http:" becomes "ws:", and "https:" becomes "wss:".
  const socket = new settings.WebSocket(settings.url.replace("http", "ws"), subprotocol);
  let isEscaped = false;
  let cause = "";

  socket.binaryType = "arraybuffer";
  socket.onopen = () => session.attach(link);
  socket.onmessage = ({ data }: { readonly data: string | ArrayBuffer }) => {
    const frame = typeof data === "string" ? data : new Uint8Array(data);
    if (isEscaped) {
      isEscaped = false;
      // Bytes are no JSON either.
      const record = readControl(link, frame as string);
      if (record) session.receive(link, record.type === "empty" ? noBytes : record);
    } else if (isEmpty(frame)) isEscaped = true;
    else session.receive(link, frame);
  };
  // Browsers tell nothing; that of ws says why.
  socket.onerror = ({ message = noResponse }: { readonly message?: string }) => (cause = message);
  socket.onclose = (event: { readonly code: number; readonly reason: string }) =>
    link.detach(event.code, event.reason || cause);
  // oxlint-disable-next-line typescript/no-misused-promises -- it catches all that goes wrong
  link.write = async (record) => {
    try {
      const token = record.type === "attach" && (await settings.token());
      // The frame before one with a control record.
      socket.send(noBytes);
      socket.send(JSON.stringify({ ...record, token: token || undefined }));
    } catch (error) {
      link.detach(lost, String(error));
    }
  };
  link.wake = () => {
    for (const item of session.items(link)) {
      if (isControl(item)) link.write(item);
      else if (isEmpty(item)) link.write({ type: "empty" });
      else socket.send(item);
    }
  };
  // What is between the two sides may log it; the server does not ask why.
  link.hangUp = () => socket.close(1000);
}

/** Whether a message is one of no bytes: text has no such member. */
function isEmpty(message: Message): boolean {
  return (message as Partial<Uint8Array>).byteLength === 0;
}
