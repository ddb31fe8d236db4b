import assert from "node:assert/strict";
import { join } from "node:path";
import { WebSocket } from "ws";
import { type ClientChannel, connect, type ConnectOptions } from "../../src/client.ts";
import type { ChannelKind } from "../../src/index.ts";
import { type RunningProgram, runProgram } from "../support/child.ts";
import { Recorder } from "../support/recorder.ts";

export type Person = { name: string; kind: ChannelKind };
export type NetworkState = { blocksWebSocket: boolean; buffersStreams: boolean; cutsAgainInMs: number };
export type RoomEvent =
  | { type: "pulse" }
  | { type: "said"; from: Person; text: string }
  | { type: "people"; people: Person[] }
  | { type: "network"; state: NetworkState; by?: string }
  | { type: "refused"; reason: string };
export type Count = { first?: number; arrived: number; lost: number; doubled: number };
export type ServerMessage = { number: number; got: Count; event: RoomEvent };

export type Demo = { program: RunningProgram; url: string; port: number };

export const demoFile: string = join(import.meta.dirname, "..", "..", "..", "demo", "server.js");
const readyPattern: RegExp = /^The demonstration runs at (http:\/\/127\.0\.0\.1:(\d+)) /;

/** The demonstration in a process of its own, on a free port unless one is given. */
export async function startDemo(port = 0): Promise<Demo> {
  const program = await runProgram(demoFile, { env: { PORT: String(port) }, readyPattern });
  const [, url, boundPort] = program.ready ?? [];
  assert.ok(url !== undefined);
  return { program, url, port: Number(boundPort) };
}

/** Ends it, and checks that it said nothing but what it says when all is well. */
export async function stopDemo({ program, url }: Demo): Promise<void> {
  const exit = await program.stop();
  const stopping = "Stopping. Once more ends it at once.\nStopped.\n";
  assert.equal(program.output(), `The demonstration runs at ${url} (end it with Ctrl+C)\n${stopping}`);
  assert.deepEqual(exit, { code: 0, signal: null });
}

/** Somebody in the room without a page. */
export class Member {
  readonly channel: ClientChannel;
  /** The type of each event with the whole message, and the state of each status with the status. */
  readonly log: Recorder = new Recorder();
  #number = 0;

  constructor({ url }: Demo, name: string, options: ConnectOptions = {}) {
    this.channel = connect(`${url}/live?name=${encodeURIComponent(name)}`, {
      WebSocket,
      maxReconnectDelayMs: 500,
      ...options,
    });
    this.channel.onStatus((status) => this.log.record(status.state, status));
    this.channel.onReceive((text) => {
      const message = JSON.parse(text as string) as ServerMessage;
      this.log.record(message.event.type, message);
    });
  }

  /** Comes in, and waits until everybody has been told. */
  static async enter(demo: Demo, name: string, options?: ConnectOptions): Promise<Member> {
    const member = new Member(demo, name, options);
    await member.log.waitFor("people", { timeoutMs: 5000 });
    return member;
  }

  /** Sends with the next number, or with the one that is given. */
  send(message: object, number: number = this.#number + 1): void {
    this.#number = number;
    assert.ok(this.channel.send(JSON.stringify({ number, ...message })));
  }

  /** The event number `count` of a type, once it has come, with all that the server says besides. */
  async next(type: RoomEvent["type"], count = 1, timeoutMs = 5000): Promise<ServerMessage> {
    const { args } = await this.log.waitFor(type, { count, timeoutMs });
    return args[0] as ServerMessage;
  }

  /** All that was said, as this member was told, once it is so much. */
  async heard(count: number, timeoutMs?: number): Promise<string[]> {
    await this.next("said", count, timeoutMs);
    return this.log.of("said").map(({ args }) => {
      const { event } = args[0] as ServerMessage;
      return event.type === "said" ? event.text : "";
    });
  }
}
