import type { SocketEventMap } from "./socket-events.ts";

/** The name of an event. */
type Name = keyof SocketEventMap;
/** Takes an event; null: nothing does. */
type Handler<Type extends Name> = ((event: SocketEventMap[Type]) => unknown) | null;
/** As the platform has it. */
type Listen = EventTarget["addEventListener"];

/** How an `EventTarget` is typed whose events are known by their names. */
type Listening = {
  /** For the four events of a WebSocket. */
  <Type extends Name>(
    type: Type,
    listener: ((event: SocketEventMap[Type]) => unknown) | null,
    options?: Parameters<Listen>[2],
  ): void;
  /** For any other. */
  (...listening: Parameters<Listen>): void;
};

/** An `EventTarget` with the four event handlers of a WebSocket. */
export class SocketEventTarget extends EventTarget {
  /** Adds a listener. */
  declare readonly addEventListener: Listening;
  /** Takes a listener away. */
  declare readonly removeEventListener: Listening;
  readonly #handlers = new Map<Name, { readonly handler: unknown; readonly listener: (event: Event) => void }>();

  /** Called when it is open. */
  get onopen(): Handler<"open"> {
    return this.#get("open");
  }

  set onopen(handler: Handler<"open">) {
    this.#set("open", handler);
  }

  /** Called for each message. */
  get onmessage(): Handler<"message"> {
    return this.#get("message");
  }

  set onmessage(handler: Handler<"message">) {
    this.#set("message", handler);
  }

  /** Called before `onclose` when it fails. */
  get onerror(): Handler<"error"> {
    return this.#get("error");
  }

  set onerror(handler: Handler<"error">) {
    this.#set("error", handler);
  }

  /** Called once, at the end. */
  get onclose(): Handler<"close"> {
    return this.#get("close");
  }

  set onclose(handler: Handler<"close">) {
    this.#set("close", handler);
  }

  #get<Type extends Name>(name: Type): Handler<Type> {
    return (this.#handlers.get(name)?.handler ?? null) as Handler<Type>;
  }

  #set<Type extends Name>(name: Type, handler: Handler<Type>): void {
    const listener =
      this.#handlers.get(name)?.listener ??
      ((event: Event): unknown => this.#get(name)?.call(this, event as SocketEventMap[Type]));
    if (typeof handler === "function") {
      // It keeps the place among the listeners that its predecessor had (HTML, event handlers): to add it twice adds nothing.
      this.addEventListener(name, listener);
      this.#handlers.set(name, { handler, listener });
    } else {
      this.removeEventListener(name, listener);
      this.#handlers.delete(name);
    }
  }
}
