import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { decodeControl } from "../../src/protocol/control-codec.ts";
import { defaultClientLimits } from "../../src/channel/client-limits.ts";
import type { ClientSession } from "../../src/client/client-session.ts";
import { createClientSession } from "../../src/client/create-client-session.ts";
import { defaultSessionLimits } from "../../src/channel/session-limits.ts";
import type { Message } from "../../src/channel/message-type.ts";
import { closeCodes } from "../../src/protocol/close-code.ts";
import type { AttachMode, ControlRecord } from "../../src/protocol/control-record.ts";
import { FrameDecoder, framesOf } from "../../src/protocol/frame-codec.ts";
import {
  encodeCredentials,
  protocolField,
  protocolVersion,
  sessionField,
  subprotocol,
} from "../../src/protocol/http-fields.ts";
import { encodeRecord, RecordDecoder, type SessionRecord } from "../../src/protocol/record-codec.ts";
import type { Attachment, Numbered } from "../../src/session/attachment.ts";
import type { SessionEvents } from "../../src/session/session-options.ts";
import type { ServerSession } from "../../src/session/server-session.ts";
import { SessionRegistry } from "../../src/session/session-registry.ts";
import type { Transport } from "../../src/session/transport.ts";
import { ClientAttachment } from "../session/client-attachment.ts";
import { timersOf, VirtualClock, waiterClock } from "../session/virtual-clock.ts";

const document = readFileSync(join(import.meta.dirname, "..", "..", "..", "PROTOCOL.md"), "utf8");

describe("PROTOCOL.md", () => {
  it("shows a session over a WebSocket as both ends carry it on", () => {
    const talk = new Talk();
    const transport = talk.openSocket();
    talk.clientSends("hello");
    talk.server.send("é");
    talk.server.send(new Uint8Array([0, 1, 255]));
    talk.server.send(new Uint8Array(0));
    talk.clock.advance(1000);
    talk.clock.advance(25_000);
    talk.server.close(4600, "room closed");
    transport.drain();
    assert.ok(!talk.client.isOpen);
    assert.equal(talk.registry.size, 0);
    assert.equal(talk.text, exampleOf("WebSocket"));
  });

  it("shows how a session is resumed over another transport", () => {
    const talk = new Talk();
    talk.openSocket().isMute = true;
    talk.reset();
    talk.hasNames = true;
    talk.clientSends("lost on its way");
    talk.server.send("lost, too");
    talk.client.lose(talk.client.carrier!);
    talk.openSocket();
    assert.equal(talk.text, exampleOf("Resume"));
  });

  it("shows a session over a stream", () => {
    const talk = new Talk();
    talk.openStream();
    talk.server.send("é");
    talk.clientSends("hello");
    talk.clientSends(new Uint8Array([0, 1, 255]));
    talk.post();
    assert.equal(talk.text, exampleOf("Stream"));
  });

  it("shows a session over polls", () => {
    const talk = new Talk();
    talk.openPolls();
    talk.server.send("one");
    talk.server.send("two");
    talk.poll(1);
    talk.clock.advance(20_000);
    talk.poll(2);
    assert.equal(talk.text, exampleOf("Poll"));
  });

  it("names every control record with every field, and every code", () => {
    const types = [
      "attach",
      "attached",
      "ack",
      "ping",
      "pong",
      "tick",
      "empty",
      "poll",
      "send",
      "goaway",
      "close",
      "detach",
    ];
    for (const type of types) {
      const row = new RegExp(`^\\| \`${type}\` \\| .*$`, "m").exec(document)?.[0] ?? "";
      for (const name of requiredFields(type)) assert.ok(row.includes(`\`${name}\``), `${type}.${name}`);
    }
    for (const [name, code] of Object.entries(closeCodes)) {
      assert.match(
        document,
        new RegExp(`^\\| ${code} \\| ${name.replace(/[A-Z]/, (letter) => ` ${letter.toLowerCase()}`)} \\|`, "m"),
      );
    }
  });

  it("names the subprotocol and the header fields", () => {
    for (const name of [subprotocol, fieldName(protocolField), fieldName(sessionField)]) {
      assert.ok(document.includes(`\`${name}`), name);
    }
  });
});

/** The fenced text under a heading. */
function exampleOf(heading: string): string {
  const section = document.split(/^#+ /m).find((each) => each.startsWith(`Example: ${heading}\n`)) ?? "";
  return /```text\n([\s\S]*?)```/.exec(section)?.[1] ?? `no example for ${heading}`;
}

/** A record that lacks a field is refused with the name of it: so all of them come out. */
function requiredFields(type: string): string[] {
  const record: Record<string, unknown> = { type };
  const missing = (): string | undefined => {
    const decoded = decodeControl(JSON.stringify(record));
    assert.notEqual(decoded, undefined, `${type} is not known`);
    return decoded !== undefined && "fault" in decoded ? /^\w+\.(\w+) must be/.exec(decoded.fault)?.[1] : undefined;
  };
  for (let name = missing(); name !== undefined; name = missing()) {
    const values = [1, 1000, "", true, "aaaaaaaaaaaaaaaa"];
    for (record[name] = values.pop(); missing() === name; record[name] = values.pop())
      assert.ok(values.length > 0, name);
  }
  return Object.keys(record).filter((name) => name !== "type");
}

function fieldName(field: string): string {
  return field.replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}

/** Bytes as the document shows them: UTF-8 as it is, all others escaped. */
function show(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("utf8");
  if (!text.includes("\uFFFD")) return text;
  return [...bytes]
    .map((byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`,
    )
    .join("");
}

/** Both ends with everything between them written down. */
class Talk {
  readonly clock = new VirtualClock();
  readonly registry: SessionRegistry<Message, string>;
  readonly client: ClientSession;
  readonly #opened: ServerSession<Message>[] = [];
  readonly opened: (session: ServerSession<Message>) => SessionEvents;
  #lines: string[] = [];
  #tokens = 0;
  #sockets = 0;
  /** Whether lines begin with the transport that they belong to. */
  hasNames = false;

  constructor() {
    const events = {
      message: () => undefined,
      closed: () => undefined,
      acknowledged: () => undefined,
      left: () => undefined,
    };
    const shared = {
      clock: waiterClock(this.clock),
      limits: defaultSessionLimits,
      sizeOf: (message: Message) => Buffer.byteLength(message),
      shareOf: (_message: unknown, bytes: number) => bytes,
    };
    this.registry = new SessionRegistry<Message, string>({
      ...shared,
      createId: () => "jKx2mVqg8TzLw0nYbR4c1A",
      secrets: {
        create: () => `${++this.#tokens}WqTn5sYb0rVgUe7oXzKd3cJhMfLpAiQx9SvRu2wGy4`,
        hash: (secret) => secret,
        isEqual: (one, other) => one === other,
      },
    });
    this.opened = (session) => {
      this.#opened.push(session);
      return events;
    };
    this.client = createClientSession(defaultClientLimits, timersOf(this.clock), () => "Zr8uHs1kQe5oVb7xTn3y0w", {
      ...events,
      attached: () => undefined,
      released: (code, reason) => this.client.carrier?.detach(code, reason),
      goaway: () => undefined,
    });
  }

  get server(): ServerSession<Message> {
    return this.#opened[0]!;
  }

  get text(): string {
    return `${this.#lines.join("\n")}\n`;
  }

  clientSends(message: Message): void {
    assert.ok(this.client.send(message, Buffer.byteLength(message)));
  }

  reset(): void {
    this.#lines = [];
  }

  say(line: string): void {
    this.#lines.push(line);
  }

  openSocket(): Socket {
    this.#sockets += 1;
    const socket = new Socket(this, this.#sockets);
    socket.open();
    return socket;
  }

  openStream(): void {
    this.#openExchange("stream");
  }

  openPolls(): void {
    this.#openExchange("poll");
  }

  /** Sends everything that waits in one request. */
  post(): void {
    const attachment = this.client.carrier!;
    const head = {
      type: "send",
      attach: attachment.attach,
      first: attachment.nextOutgoing,
      received: this.client.takeReceived(),
    } as const;
    const sent: readonly Numbered[] = [...this.client.items(attachment)];
    this.#request([head, ...sent]);
    this.server.receiveBatch(this.server.attachment!, head, sent);
    this.#respond([{ type: "ack", received: this.server.takeReceived() }]);
  }

  /** A poll, which is answered with what there is, or when it was held for long enough. */
  poll(count: number): void {
    const attachment = this.client.carrier!;
    const record = this.client.poll(attachment, count);
    this.#request([record]);
    assert.ok(record.type === "poll");
    assert.ok(this.server.poll(this.server.attachment!, record.poll, record.received));
    const batch: SessionRecord[] = [];
    const served = this.server.attachment!;
    for (let item = served.next(); item !== undefined; item = served.next()) batch.push(item);
    this.#respond(batch.length > 0 ? batch : [{ type: "ping" }]);
    for (const each of batch) this.client.receive(attachment, each);
  }

  #openExchange(mode: AttachMode): void {
    const down: Transport = {
      wake: () => {
        const served = this.server?.attachment;
        if (mode === "poll" || served === undefined) return;
        for (let item = served.next(); item !== undefined; item = served.next()) {
          this.say(`← ${show(encodeRecord(item))}`);
          this.client.receive(this.client.carrier!, item);
        }
      },
      write: (record) => {
        if (record.type !== "attached") return;
        this.#respond([record]);
        attachment.receive(record);
      },
      detach: () => undefined,
    };
    let asked: ControlRecord | undefined;
    const up: Transport = { wake: () => undefined, write: (record) => (asked = record), detach: () => undefined };
    const attachment = new ClientAttachment(this.client, up, mode);
    this.client.attach(attachment);
    assert.ok(asked?.type === "attach");
    this.#request([asked]);
    this.registry.attach({ record: asked, owner: "", transport: down, opened: this.opened });
  }

  #request(records: readonly SessionRecord[]): void {
    const { answer } = this.client;
    if (this.#lines.length > 0) this.say("");
    this.say("POST /live HTTP/1.1");
    this.say(`${fieldName(protocolField)}: ${protocolVersion}`);
    if (answer !== undefined)
      this.say(`${fieldName(sessionField)}: ${encodeCredentials(answer.session, answer.secret)}`);
    this.#body(records, "→");
  }

  #respond(records: readonly SessionRecord[]): void {
    this.say("HTTP/1.1 200 OK");
    this.#body(records, "←");
  }

  #body(records: readonly SessionRecord[], arrow: string): void {
    this.say("");
    const bytes = Buffer.concat(records.map(encodeRecord));
    const decoder = new RecordDecoder(1_048_576, () => undefined);
    assert.equal(decoder.push(bytes), undefined);
    this.say(`${arrow} ${show(bytes)}`);
  }
}

/** A WebSocket whose frames arrive at once, or not at all. */
class Socket {
  isMute = false;
  readonly #talk: Talk;
  readonly #number: number;
  #up: ClientAttachment | undefined;
  #down: Attachment<Message> | undefined;

  constructor(talk: Talk, number: number) {
    this.#talk = talk;
    this.#number = number;
  }

  open(): void {
    const toServer = this.#carry("→", (record) => {
      if (typeof record === "object" && "type" in record && record.type === "attach") {
        const result = this.#talk.registry.attach({ record, owner: "", transport: down, opened: this.#talk.opened });
        assert.ok(!("code" in result));
        this.#down = result.attachment;
      } else this.#down?.receive(record);
    });
    const toClient = this.#carry("←", (record) => this.#up?.receive(record));
    const down = this.#transport("←", toClient, () => this.#down);
    const up = this.#transport("→", toServer, () => this.#up);
    this.#up = new ClientAttachment(this.#talk.client, up);
    this.#talk.client.attach(this.#up);
    this.drain();
  }

  drain(): void {
    this.#down?.transport.wake();
    this.#up?.wake();
  }

  #say(line: string): void {
    this.#talk.say(this.#talk.hasNames ? `${this.#number} ${line}` : line);
  }

  #transport(
    arrow: string,
    send: (record: SessionRecord) => void,
    attachment: () => Pick<ClientAttachment, "next"> | undefined,
  ): Transport {
    return {
      write: send,
      wake: () => {
        for (let item = attachment()?.next(); item !== undefined; item = attachment()?.next()) send(item);
      },
      detach: (code, reason) => {
        if (code === closeCodes.superseded) send({ type: "detach", code, reason });
        else this.#say(`${arrow} close ${code}`);
      },
    };
  }

  #carry(arrow: string, take: (record: SessionRecord) => void): (record: SessionRecord) => void {
    const decoder = new FrameDecoder();
    return (record) => {
      const frames = framesOf(record);
      for (const frame of frames) {
        const kind = typeof frame === "string" ? "text" : "binary";
        this.#say(`${arrow} ${kind} ${typeof frame === "string" ? frame : show(frame)}`.trimEnd());
      }
      if (this.isMute) return;
      const came = frames.map((frame) => decoder.read(frame)).find((each) => each !== undefined);
      assert.ok(came !== undefined && (typeof came !== "object" || !("fault" in came)));
      take(came);
    };
  }
}
