// @ts-check
/**
 * GraphQL over sessions: graphql-ws as it is, which goes on over a stream or polls where no WebSocket gets through.
 *
 *     node examples/graphql-subscriptions.js
 *     node examples/graphql-subscriptions.js http://127.0.0.1:9090                 # a client, in another terminal
 *     node examples/graphql-subscriptions.js http://127.0.0.1:9090 long-polling    # the same over polls
 *
 * In a browser the client is the same, without `WebSocket`: pages have one.
 */
import { createSessions, serve } from "channelkit";
import { webSocketOf } from "channelkit/websocket";
import { buildSchema } from "graphql";
import { createClient, GRAPHQL_TRANSPORT_WS_PROTOCOL, makeServer } from "graphql-ws";
import { WebSocket } from "ws"; // npm install ws: Node 20 has none of its own

const port = Number(process.env.PORT ?? 9090);
const [, , url, kind] = process.argv;

const graphql = makeServer({
  schema: buildSchema(`
    type Query { hello: String! }
    type Subscription { countdown(from: Int!): Int! }
  `),
  roots: {
    query: { hello: () => "world" },
    subscription: { countdown },
  },
});

/** @param {{ from: number }} asked */
async function* countdown({ from }) {
  for (let left = from; left >= 0; left--) yield await Promise.resolve({ countdown: left });
}

/** What graphql-ws takes as its WebSocket, made of the channel. @param {import("channelkit").SessionChannel} channel */
function take(channel) {
  const { protocol } = channel;
  const closed = graphql.opened(
    {
      protocol,
      send: async (text) => {
        channel.send(text);
        // The next result is made when the client has room for it.
        await channel.drained();
      },
      // Its internal error, 4500, is a code of the protocol of sessions: RFC 6455 has one of its own for that.
      close: (code, reason) => void channel.close(code === 4500 ? 1011 : code, reason),
      onMessage: (received) => channel.onReceive((message) => received(String(message))),
    },
    { channel },
  );
  channel.onClose((_status, { code, reason }) => closed(code, reason));
}

async function listen() {
  const sessions = createSessions();
  const protocols = [GRAPHQL_TRANSPORT_WS_PROTOCOL];
  const server = await serve((request) => sessions.accept(request, take, { protocols }), { port });
  console.log(`listening on ${server.url}`);
}

/** @param {string} address */
async function ask(address) {
  /** @type {import("channelkit").ChannelKind[]} */
  const all = ["websocket", "http-streaming", "long-polling"];
  const transports = all.filter((each) => kind === undefined || each === kind);
  const client = createClient({ url: address, webSocketImpl: webSocketOf({ WebSocket, transports }) });
  for (const query of ["{ hello }", "subscription { countdown(from: 3) }"]) {
    for await (const { data } of client.iterate({ query })) console.log(JSON.stringify(data));
  }
  await client.dispose();
}

await (url === undefined ? listen() : ask(url));
