// By itself, since clients name it, too, and need none of the types of Node.

/** What carries a channel now. An HTTP channel is `long-polling` until a send that does not close it. */
export type ChannelKind = "websocket" | "http-streaming" | "long-polling";
