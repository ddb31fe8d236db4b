import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import { readSyncMessage, writeSyncStep1, writeUpdate } from "y-protocols/sync";
import { WebsocketProvider } from "y-websocket";
import { Doc } from "yjs";
import { MemoryChannelStore, type SessionChannel } from "../../src/index.ts";
import { eventually } from "../support/expect.ts";
import { networks, setSite, type Site } from "./site.ts";

/** The kinds of messages of y-websocket. */
const sync = 0;
const awareness = 1;

/** A server of one document, as y-websocket wants it. */
function serveDocument(): (channel: SessionChannel) => void {
  const doc = new Doc();
  const store = new MemoryChannelStore();
  doc.on("update", (update: Uint8Array) => {
    store.broadcast(
      "all",
      encode((encoder) => writeUpdate(encoder, update)),
    );
  });
  return (channel) => {
    store.add("all", channel);
    channel.onReceive((message) => {
      assert.ok(typeof message !== "string");
      const decoder = decoding.createDecoder(message);
      const kind = decoding.readVarUint(decoder);
      if (kind === awareness) store.broadcast("all", message);
      if (kind !== sync) return;
      const encoder = encoding.createEncoder();
      encoding.writeVarUint(encoder, sync);
      readSyncMessage(decoder, encoder, doc, channel);
      if (encoding.length(encoder) > 1) channel.send(encoding.toUint8Array(encoder));
    });
    channel.send(encode((encoder) => writeSyncStep1(encoder, doc)));
  };
}

function encode(write: (encoder: encoding.Encoder) => void): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, sync);
  write(encoder);
  return encoding.toUint8Array(encoder);
}

function join(t: TestContext, { url, WebSocket }: Site): WebsocketProvider {
  const provider = new WebsocketProvider(url, "room", new Doc(), {
    WebSocketPolyfill: WebSocket,
    disableBc: true,
  });
  t.after(() => destroy(provider));
  return provider;
}

function destroy(provider: WebsocketProvider): void {
  provider.destroy();
  // It keeps a timer otherwise.
  provider.doc.destroy();
}

/** Ends what they have to say while the server is there: else it is kept for a time, in case the server comes back. */
async function leave(site: Site, providers: readonly WebsocketProvider[]): Promise<void> {
  providers.forEach(destroy);
  await eventually(() => assert.equal(site.size(), 0), { timeoutMs: 3000 });
}

const synced = ({ synced: isSynced }: WebsocketProvider): void => assert.ok(isSynced);
const textOf = ({ doc }: WebsocketProvider): string => doc.getText("text").toJSON();

describe("y-websocket over a session", () => {
  for (const { kind, ...network } of networks) {
    it(`keeps documents alike over ${kind}`, async (t) => {
      const site = await setSite(t, serveDocument(), network);
      const [ada, ben] = [join(t, site), join(t, site)];
      await eventually(() => [ada, ben].forEach(synced), { timeoutMs: 3000 });
      ada.doc.getText("text").insert(0, "hello");
      await eventually(() => assert.equal(textOf(ben), "hello"), { timeoutMs: 3000 });
      ben.doc.getText("text").insert(5, " world");
      await eventually(() => assert.equal(textOf(ada), "hello world"), { timeoutMs: 3000 });
      ada.awareness.setLocalStateField("user", { name: "Ada" });
      const names = (): unknown[] => [...ben.awareness.getStates().values()].map((state) => state["user"] as unknown);
      await eventually(() => assert.deepEqual(names(), [undefined, { name: "Ada" }]), { timeoutMs: 3000 });
      assert.deepEqual(site.kinds(), [kind, kind]);
      await leave(site, [ada, ben]);
    });

    it(`does not notice that connections are cut over ${kind}`, async (t) => {
      const site = await setSite(t, serveDocument(), network);
      const [ada, ben] = [join(t, site), join(t, site)];
      await eventually(() => [ada, ben].forEach(synced), { timeoutMs: 3000 });
      const told: unknown[] = [];
      for (const provider of [ada, ben]) {
        provider.on("status", (status: unknown) => told.push(status));
        provider.on("connection-error", (event: Event) => told.push((event as Event & { message: string }).message));
      }
      for (let round = 0; round < 3; round++) {
        ada.doc.getText("text").insert(0, `${round}`);
        site.proxy.cut();
        ben.doc.getText("text").insert(0, "-");
        await eventually(() => assert.equal(textOf(ada), textOf(ben)), { timeoutMs: 5000 });
        await eventually(() => assert.equal(textOf(ada).length, 2 * (round + 1)), { timeoutMs: 5000 });
      }
      assert.deepEqual(told, []);
      assert.equal(site.kinds().length, 2);
      await leave(site, [ada, ben]);
    });
  }
});
