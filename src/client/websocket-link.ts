// oxlint-disable unicorn/prefer-add-event-listener -- what browsers and ws have alike, with one listener of each sort
import type { Message } from "../channel/message-type.ts";
import { fault, lost } from "../protocol/close-code.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import { subprotocol } from "../protocol/http-fields.ts";
import { isControl } from "../protocol/is-control.ts";
import { checkWebSocket } from "./client-options.ts";
import type { Link, LinkOptions, Wire } from "./link.ts";

/** The frame before one with a control record. */
const escape = new Uint8Array(0);

/** A WebSocket, whose messages are those of a plain channel. */
export function openWebSocket(link: Link, { settings, session }: LinkOptions): Wire {
  const { WebSocket, url } = settings;
  checkWebSocket(WebSocket);
  // "http:" becomes "ws:", and "https:" becomes "wss:".
  const socket = new WebSocket(url.replace("http", "ws"), subprotocol);
  let isEscaped = false;
  let cause = "";

  async function write(record: ControlRecord): Promise<void> {
    try {
      const token = record.type === "attach" && (await settings.token?.());
      socket.send(escape);
      socket.send(JSON.stringify({ ...record, ...(token && { token }) }));
    } catch (error) {
      link.detach(lost, String(error));
    }
  }

  function read(frame: Message): void {
    if (isEscaped) {
      isEscaped = false;
      // Bytes are no JSON either.
      const record = JSON.parse(frame as string) as ControlRecord;
      session.receive(link, record.type === "empty" ? escape : record);
    } else if (typeof frame === "object" && frame.length === 0) isEscaped = true;
    else session.receive(link, frame);
  }

  socket.binaryType = "arraybuffer";
  socket.onopen = () => session.attach(link);
  socket.onmessage = ({ data }: { readonly data: string | ArrayBuffer }) => {
    try {
      read(typeof data === "string" ? data : new Uint8Array(data));
    } catch (error) {
      link.detach(fault, String(error));
    }
  };
  // Browsers tell nothing; that of ws says why.
  socket.onerror = ({ message = "it could not be opened" }: { readonly message?: string }) => (cause = message);
  socket.onclose = ({ code, reason }: { readonly code: number; readonly reason: string }) =>
    link.detach(code, reason || cause);
  return {
    write: (record) => void write(record),
    wake() {
      for (let item = session.next(link); item !== undefined; item = session.next(link)) {
        if (isControl(item)) void write(item);
        else if (item.length > 0 || typeof item === "string") socket.send(item);
        else void write({ type: "empty" });
      }
    },
    // A browser takes no other codes.
    hangUp: (code) => socket.close(code < 3000 ? 1000 : code),
  };
}
