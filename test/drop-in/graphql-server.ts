import { buildSchema } from "graphql";
import { makeServer } from "graphql-ws";
import type { SessionChannel } from "../../src/index.ts";

const schema = buildSchema(`
  type Query { hello: String! }
  type Subscription { countTo(limit: Int!): Int! }
`);

const server = makeServer({
  schema,
  roots: {
    query: { hello: () => "world" },
    subscription: {
      async *countTo({ limit }: { readonly limit: number }) {
        for (let countTo = 1; countTo <= limit; countTo++) yield await Promise.resolve({ countTo });
      },
    },
  },
  onConnect: ({ connectionParams }) => connectionParams?.["name"] !== "nobody",
});

/** What graphql-ws needs of a WebSocket on the server, by the channel of a session. */
export function serveGraphql(channel: SessionChannel): void {
  const closed = server.opened(
    {
      protocol: channel.protocol,
      send: async (text) => {
        channel.send(text);
        await channel.drained();
      },
      // Its internal error, 4500, is a code of the protocol of sessions: RFC 6455 has one of its own for that.
      close: (code, reason) => void channel.close(code === 4500 ? 1011 : code, reason),
      onMessage: (take) => channel.onReceive((message) => take(String(message))),
    },
    { channel },
  );
  channel.onClose((_status, { code, reason }) => closed(code, reason));
}
