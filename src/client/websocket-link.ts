// oxlint-disable unicorn/prefer-add-event-listener -- what browsers and ws have alike, with one listener of each sort
import { fault } from "../protocol/close-code.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import { FrameDecoder, framesOf } from "../protocol/frame-codec.ts";
import { subprotocol } from "../protocol/http-fields.ts";
import { decodeServerControl } from "../protocol/server-control.ts";
import type { SessionRecord } from "../protocol/record-codec.ts";
import type { WebSocketLike } from "./client-options.ts";
import { Link, lostCode } from "./link.ts";

/** A WebSocket, whose messages are those of a plain channel. */
export class WebSocketLink extends Link {
  readonly kind = "websocket";
  #socket: WebSocketLike | undefined;

  start(): void {
    const { WebSocket, url } = this.settings;
    if (WebSocket === undefined) return;
    const decoder = new FrameDecoder(decodeServerControl);
    // "http:" becomes "ws:", and "https:" becomes "wss:".
    const socket = new WebSocket(url.replace("http", "ws"), subprotocol);
    let cause = "";
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (!this.isEnded) this.attachment = this.session.attach(this);
    };
    socket.onmessage = ({ data }: { readonly data: unknown }) => {
      const record = decoder.read(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer));
      if (this.isEnded || record === undefined) return;
      if (typeof record === "object" && "fault" in record) this.detach(fault, record.fault);
      else this.attachment?.receive(record);
    };
    // Browsers tell nothing; that of ws says why.
    socket.onerror = ({ message = "it could not be opened" }: { readonly message?: string }) => (cause = message);
    socket.onclose = ({ code, reason }: { readonly code: number; readonly reason: string }) =>
      this.detach(code, reason || cause);
  }

  write(record: ControlRecord): void {
    if (record.type === "attach") void this.#attach(record);
    else this.#send(record);
  }

  wake(): void {
    for (let item = this.attachment?.next(); item !== undefined; item = this.attachment?.next()) this.#send(item);
  }

  protected hangUp(code: number): void {
    // A browser takes no other codes.
    this.#socket?.close(code < 3000 ? 1000 : code);
  }

  async #attach(record: ControlRecord): Promise<void> {
    try {
      const token = await this.settings.token?.();
      this.#send({ ...record, ...(token && { token }) });
    } catch (error) {
      this.detach(lostCode, String(error));
    }
  }

  #send(record: SessionRecord): void {
    if (!this.isEnded) for (const frame of framesOf(record)) this.#socket?.send(frame);
  }
}
