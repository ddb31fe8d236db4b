// @ts-check
/** All clients of one run, in a process of their own: node clients.js <settings as JSON> <port>. */

import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { control, dial } from "../load/dials.js";
import { Histogram } from "../load/histogram.js";
import { due, nowMs, wait } from "./clock.js";
import { messageReader } from "./message.js";

/** @typedef {import("./run.js").Settings} Settings */
/**
 * What became of the clients that read: the time from when a message was due until one had it, and how many did not come.
 *
 * @typedef {{ p50: number, p99: number, missing: number }} Received
 */

const settings = /** @type {Settings} */ (JSON.parse(process.argv[2] ?? "{}"));
const port = Number(process.argv[3]);
const { kind, readers, stalled, rate, seconds } = settings;
const total = rate * seconds;
const messagesPerAck = 64;
const latency = new Histogram();
let startMs = Infinity;
let received = 0;

class Client {
  /** The number of the next message: each comes once and in order. */
  #next = 0;
  #read = messageReader();
  #acknowledged = 0;
  #head = "";
  #body = "";
  #isStalled;
  #socket;

  /** @param {boolean} isStalled */
  constructor(isStalled) {
    this.#isStalled = isStalled;
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("error", (error) => {
      // What a server does to one that does not read is told by the server.
      if (!isStalled) throw error;
    });
    this.#socket.on("close", () => {
      if (!isStalled) throw new Error("the server closed the connection of a client that reads");
    });
  }

  /** Joins the group. */
  async open() {
    const query = this.#isStalled ? "?stalled" : "";
    if (kind === "poll") this.#socket.write(requestOf(`poll${query}`));
    else if (kind === "stream") await this.#ask(requestOf(`stream${query}`), "begin");
    else {
      const { steps } = dial(kind === "session" ? "session" : "channelkit", `group${query}`, 64);
      for (const { send, until = "", attaches } of steps) await this.#ask(attaches === true ? attach() : send, until);
    }
    if (!this.#isStalled) this.#socket.on("data", (bytes) => this.#take(bytes));
    else if (kind === "poll") this.#keepAsking();
    // Without a listener, and paused, nothing is read.
    else this.#socket.pause();
  }

  /** @param {string} text @param {string} until */
  #ask(text, until) {
    this.#socket.write(text, "latin1");
    return new Promise((resolve) => {
      let head = "";
      const look = (/** @type {Buffer} */ bytes) => {
        head += bytes.toString("latin1");
        if (!head.includes(until)) return;
        this.#socket.off("data", look);
        resolve(undefined);
      };
      this.#socket.on("data", look);
    });
  }

  /** Polls again and again, and reads no answer. */
  #keepAsking() {
    this.#socket.pause();
    const timer = setInterval(() => this.#socket.write(requestOf("poll?stalled")), 100);
    this.#socket.on("close", () => clearInterval(timer));
  }

  /** @param {Buffer} bytes */
  #take(bytes) {
    if (kind === "poll") this.#takeAnswer(bytes);
    else this.#count(bytes);
    if (kind !== "session" || this.#next - this.#acknowledged < messagesPerAck) return;
    this.#acknowledged = this.#next;
    this.#socket.write(control({ type: "ack", received: this.#next }), "latin1");
  }

  /** @param {Buffer} bytes */
  #count(bytes) {
    const atMs = nowMs();
    this.#read(bytes, (index) => {
      if (index !== this.#next) throw new Error(`message ${index} came where ${this.#next} was next`);
      this.#next += 1;
      received += 1;
      latency.add(atMs - due(startMs, rate, index));
    });
  }

  /** @param {Buffer} bytes of an answer, which says from where to ask on */
  #takeAnswer(bytes) {
    this.#body += bytes.toString("latin1");
    if (this.#head === "") {
      const end = this.#body.indexOf("\r\n\r\n");
      if (end === -1) return;
      this.#head = this.#body.slice(0, end);
      this.#body = this.#body.slice(end + 4);
    }
    const length = Number(/^content-length: (\d+)/im.exec(this.#head)?.[1]);
    if (this.#body.length < length) return;
    const { epoch, offset } = /** @type {import("../../dist/index.js").Position} */ (JSON.parse(this.#body));
    this.#count(Buffer.from(this.#body));
    this.#head = "";
    this.#body = "";
    this.#socket.write(requestOf(`poll?epoch=${epoch}&offset=${offset}`));
  }

  end() {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }
}

/** @param {string} target */
function requestOf(target) {
  return `GET /${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
}

function attach() {
  return control({ type: "attach", attach: 1, received: 0, key: randomBytes(16).toString("base64url") });
}

const clients = Array.from({ length: readers + stalled }, (_, index) => new Client(index < stalled));
// Some at once: more than that fills the queue in which the kernel keeps those that are not accepted.
for (let first = 0; first < clients.length; first += 100) {
  await Promise.all(clients.slice(first, first + 100).map((client) => client.open()));
}

process.on("message", (command) => {
  const { from } = /** @type {{ from?: number }} */ (command);
  if (from !== undefined) startMs = from;
  else void finish().then((answer) => process.send?.({ received: answer }));
});
process.on("disconnect", () => process.exit());
process.send?.({ open: true });

/** Waits for what is on its way, as long as anything comes. @returns {Promise<Received>} */
async function finish() {
  const hasAll = () => received >= readers * total;
  let [before, silentMs] = [received, 0];
  while (!hasAll() && silentMs < 5000) {
    await wait(50);
    silentMs = received === before ? silentMs + 50 : 0;
    before = received;
  }
  for (const client of clients) client.end();
  const { p50 = NaN, p99 = NaN } = latency.quantiles();
  return { p50, p99, missing: readers * total - received };
}
