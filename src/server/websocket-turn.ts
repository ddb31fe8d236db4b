import type { WebSocketChannel } from "../websocket/websocket-channel.ts";
import type { Turn } from "./connection.ts";

/** The last turn of a connection that has switched to WebSocket: it lasts as long as both, and keeps the channel alone. */
export class WebSocketTurn implements Turn {
  readonly #channel: WebSocketChannel;

  constructor(channel: WebSocketChannel) {
    this.#channel = channel;
  }

  start(): void {
    // It runs already.
  }

  /** Node parses nothing behind an upgrade. */
  breakOff(): boolean {
    return false;
  }

  clientEnded(): void {
    this.#channel.connectionEnded();
  }

  connectionGone(byStop: boolean): void {
    if (byStop) this.#channel.serverStopped();
    else this.#channel.connectionLost();
  }

  goAway(): void {
    this.#channel.goAway();
  }

  get channel(): WebSocketChannel {
    return this.#channel;
  }
}
