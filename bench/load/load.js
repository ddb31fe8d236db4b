// @ts-check
/**
 * The load: many connections from one process, run by Bun, whose bare sockets cost the least of all that speak
 * JavaScript. It parses nothing: what it sends was encoded before, and of what comes back it counts the markers. How
 * busy it was is in each result, so that a figure that it held back can be told.
 */

import { randomBytes } from "node:crypto";
import { connect as connectControl } from "node:net";
import { cpuSeconds, machineSeconds } from "../lib/cpu.js";
import { answerCommands } from "../lib/lines.js";
import { control as controlFrames, marker } from "./dials.js";
import { FrameCounter } from "./frame-counter.js";
import { Histogram } from "./histogram.js";

/** @typedef {{ count: number, dial: import("./dials.js").Dial }} Party */
/**
 * @typedef {{ port: number, controlPort: number, pid: number, tls: boolean, parties: Party[] }} Target
 * @typedef {{ kind: "echo" | "broadcast" | "accept", warmupMs: number, ms: number, inFlight?: number, rate?: number,
 *   perTurn?: number, turnsInFlight?: number }} Run
 */

const markerByte = marker.charCodeAt(0);
/** As a session does by its defaults. */
const messagesPerAck = 64;
const connectingAtOnce = 100;
const connectTimeoutMs = 60_000;
/** How long a server may be silent while it owes messages. */
const silenceTimeoutMs = 20_000;

/** @type {Target} */
let target;
/** @type {Connection[]} */
const connections = [];
/** @type {import("node:net").Socket | undefined} */
let control;
/** @type {(connection: Connection, count: number) => void} what is done with messages that came */
let receive = ignore;
let messages = 0;
let lastId = 0;
const latency = new Histogram();
const completion = new Histogram();

/** One connection: the steps of its dial, then messages. */
class Connection {
  /** How many messages have come in this run. */
  count = 0;
  /** When the oldest messages in flight were sent, or should have been. @type {number[]} */
  sentAt = [];
  /** @type {BunSocket | undefined} */
  #socket;
  /** @type {Uint8Array | undefined} what the kernel had no room for */
  #unsent;
  #frames = new FrameCounter();
  #step = 0;
  #id = `${process.pid}-${(lastId += 1)}`;
  /** How many have come since it was opened, and how many of these are acknowledged. */
  #total = 0;
  #acknowledged = 0;
  /** An ack that is to leave with what is sent next. @type {Buffer | undefined} */
  #ack;
  /** What has come in answer to the last step. */
  head = "";

  /**
   * @param {Party} party
   * @param {() => void} ready
   */
  constructor({ dial }, ready) {
    this.dial = dial;
    this.ready = ready;
    this.batch = this.#bytesOf(dial.message);
    this.messageBytes = this.batch.length;
  }

  /** @param {string} text */
  #bytesOf(text) {
    return Buffer.from(text.replaceAll("{id}", this.#id), "latin1");
  }

  /** @param {string} hostname */
  open(hostname) {
    const { port, tls } = target;
    const socket = {
      open: (/** @type {BunSocket} */ opened) => {
        this.#socket = opened;
        this.#next();
      },
      data: (/** @type {BunSocket} */ _, /** @type {Uint8Array} */ bytes) => this.#read(bytes),
      drain: () => {
        const unsent = this.#unsent;
        this.#unsent = undefined;
        if (unsent !== undefined) this.#write(unsent);
      },
      close: () => {
        if (this.#socket !== undefined) throw new Error("the server closed a connection");
      },
      error: (/** @type {BunSocket} */ _, /** @type {Error} */ error) => {
        throw error;
      },
    };
    const options = { hostname, port, socket };
    void Bun.connect(tls ? { ...options, tls: { rejectUnauthorized: false } } : options);
  }

  /** @param {number} count of messages that are sent in one write */
  send(count) {
    const bytes = count * this.messageBytes;
    while (this.batch.length < bytes) this.batch = Buffer.concat([this.batch, this.batch]);
    this.#writeWithAck(this.batch.subarray(0, bytes));
  }

  /** With the ack that waits, as a client does whose writes of a turn are one. @param {Uint8Array} bytes */
  #writeWithAck(bytes) {
    const ack = this.#ack;
    this.#ack = undefined;
    this.#write(ack === undefined ? bytes : Buffer.concat([ack, bytes]));
  }

  close() {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.end();
  }

  /** @param {Uint8Array} bytes */
  #write(bytes) {
    if (this.#unsent !== undefined) this.#unsent = Buffer.concat([this.#unsent, bytes]);
    else {
      const written = this.#socket?.write(bytes) ?? 0;
      if (written < bytes.length) this.#unsent = bytes.subarray(written);
    }
  }

  #next() {
    const step = this.dial.steps[this.#step];
    this.head = "";
    if (step !== undefined) this.#write(this.#bytesOf(step.attaches === true ? attach() : step.send));
    if (step?.until === undefined) {
      this.#step = this.dial.steps.length;
      this.ready();
    }
  }

  /** @param {Uint8Array} bytes */
  #read(bytes) {
    const step = this.dial.steps[this.#step];
    if (step !== undefined) {
      this.head += Buffer.from(bytes).toString("latin1");
      if (!this.head.includes(step.until ?? "")) return;
      if (step.idBehind !== undefined) {
        this.#id = this.head.split(step.idBehind)[1]?.split('"')[0] ?? "none";
        this.batch = this.#bytesOf(this.dial.message);
        this.messageBytes = this.batch.length;
      }
      this.#step += 1;
      this.#next();
      return;
    }
    const count = this.dial.countsFrames ? this.#frames.count(bytes) : countMarkers(bytes);
    if (count === 0) return;
    messages += count;
    if (this.dial.acknowledges === true) this.#acknowledge(count);
    receive(this, count);
    if (this.#ack !== undefined) this.#writeWithAck(Buffer.alloc(0));
  }

  /** @param {number} count */
  #acknowledge(count) {
    this.#total += count;
    if (this.#total - this.#acknowledged < messagesPerAck) return;
    this.#acknowledged = this.#total;
    this.#ack = Buffer.from(controlFrames({ type: "ack", received: this.#total }), "latin1");
  }
}

function attach() {
  return controlFrames({ type: "attach", attach: 1, received: 0, key: randomBytes(16).toString("base64url") });
}

/** @param {Uint8Array} bytes */
function countMarkers(bytes) {
  let count = 0;
  for (let at = bytes.indexOf(markerByte); at !== -1; at = bytes.indexOf(markerByte, at + 1)) count += 1;
  return count;
}

answerCommands((command) => {
  const { connect, run: wanted } = /** @type {{ connect?: Target, run: Run }} */ (command);
  return connect === undefined ? run(wanted) : connectAll(connect);
});

/** @param {Target} to */
async function connectAll(to) {
  target = to;
  const parties = to.parties.flatMap((party) => Array.from({ length: party.count }, () => party));
  let isReady = 0;
  const timer = setTimeout(() => {
    const heard = connections.map(({ head }) => head).find((head) => head !== "");
    throw new Error(`only ${isReady} of ${parties.length} connections were opened; another one got: ${heard}`);
  }, connectTimeoutMs);
  await new Promise((resolve) => {
    if (parties.length === 0) resolve(undefined);
    let opened = 0;
    const openNext = () => {
      const party = parties[opened++];
      if (party === undefined) return;
      const connection = new Connection(party, () => {
        isReady += 1;
        if (isReady === parties.length) resolve(undefined);
        openNext();
      });
      connections.push(connection);
      connection.open(addressOf(opened));
    };
    for (let count = 0; count < connectingAtOnce; count++) openNext();
  });
  clearTimeout(timer);
  control = connectControl(to.controlPort, "127.0.0.1").setNoDelay(true);
  // Nothing tells when a poll is parked. Those that come back later have been read before the order to broadcast is.
  if (to.parties.some(({ dial }) => isPoll(dial))) await sleep(300);
  return { connections: connections.length };
}

/** Is asked before the first run, and again after each answer. @param {import("./dials.js").Dial} dial */
function isPoll({ steps }) {
  const last = steps.at(-1);
  return last !== undefined && last.until === undefined;
}

/** The ports of one address would not be enough for many short connections. @param {number} index */
function addressOf(index) {
  return `127.0.0.${1 + (index % 100)}`;
}

/** @param {Run} options */
async function run(options) {
  const stop = { echo: runEcho, broadcast: runBroadcast, accept: runAccept }[options.kind](options);
  await sleep(options.warmupMs);
  latency.clear();
  completion.clear();
  const before = snapshot();
  await sleep(options.ms);
  const after = snapshot();
  const result = { ...latency.quantiles(), last: completion.quantile(0.5), lastP99: completion.quantile(0.99) };
  await stop();
  receive = ignore;
  const seconds = (after.now - before.now) / 1000;
  const count = after.messages - before.messages;
  const processes = (after.server.total + after.load.total - before.server.total - before.load.total) / seconds;
  return {
    ...result,
    rate: count / seconds,
    cpu: (1e6 * (after.server.total - before.server.total)) / count,
    serverBusy: (after.server.main - before.server.main) / seconds,
    loadBusy: (after.load.main - before.load.main) / seconds,
    othersBusy: (after.machine - before.machine) / seconds - processes,
  };
}

function snapshot() {
  return {
    now: performance.now(),
    messages,
    server: cpuSeconds(target.pid),
    load: cpuSeconds(process.pid),
    machine: machineSeconds(),
  };
}

/**
 * Keeps `inFlight` messages in flight on each connection; with `rate`, sends so many a second, answered or not.
 *
 * @param {Run} run
 */
function runEcho({ inFlight = 1, rate }) {
  let isRunning = true;
  let pending = 0;
  /** @type {(connection: Connection, count: number, at: number) => void} */
  const send = (connection, count, at) => {
    pending += count;
    for (let index = 0; index < count; index++) connection.sentAt.push(at);
    connection.send(count);
  };
  receive = (connection, count) => {
    pending -= count;
    const now = performance.now();
    // One of each read is enough for the distribution, and costs nothing.
    latency.add(now - (connection.sentAt[0] ?? now));
    connection.sentAt.splice(0, count);
    if (isRunning && rate === undefined) send(connection, count, now);
  };
  let stopPace = ignore;
  if (rate === undefined) for (const connection of connections) send(connection, inFlight, performance.now());
  else {
    stopPace = pace(rate, (due, index) => {
      const connection = connections[index % connections.length];
      if (connection !== undefined) send(connection, 1, due);
    });
  }
  return () => {
    isRunning = false;
    stopPace();
    return until(() => pending === 0);
  };
}

/**
 * Tells the server to broadcast `perTurn` messages in a turn, and again when all members have them: `turnsInFlight` at
 * once, or as many as give `rate`. The time of a message begins when the server is told, or was to be.
 *
 * @param {Run} run
 */
function runBroadcast({ perTurn = 1, turnsInFlight = 2, rate }) {
  const members = connections.length;
  /** @type {number[]} */
  const toldAt = [];
  let received = 0;
  let done = 0;
  let isRunning = true;
  for (const connection of connections) connection.count = 0;
  const tell = (due = performance.now()) => {
    toldAt.push(due);
    control?.write(Buffer.from([perTurn]));
  };
  receive = (connection, count) => {
    const now = performance.now();
    received += count;
    connection.count += count;
    latency.add(now - (toldAt[Math.ceil(connection.count / perTurn) - 1] ?? now));
    // A poll that was answered asks again, before the server is told to broadcast again.
    if (isPoll(connection.dial)) connection.send(1);
    // The last piece of one turn may be the last of the next one, too.
    for (; received >= (done + 1) * members * perTurn; done++) {
      completion.add(now - (toldAt[done] ?? now));
      if (isRunning && rate === undefined) tell();
    }
  };
  let stopPace = ignore;
  if (rate === undefined) for (let turn = 0; turn < turnsInFlight; turn++) tell();
  else stopPace = pace(rate / (members * perTurn), tell);
  return () => {
    isRunning = false;
    stopPace();
    return until(() => done === toldAt.length);
  };
}

/**
 * Opens connections and closes each when its handshake is done, `inFlight` at once.
 *
 * @param {Run} run
 */
function runAccept({ inFlight = 32 }) {
  const [party] = target.parties;
  let isRunning = true;
  let pending = 0;
  let opened = 0;
  const open = () => {
    pending += 1;
    const start = performance.now();
    const connection = new Connection(/** @type {Party} */ (party), () => {
      latency.add(performance.now() - start);
      messages += 1;
      pending -= 1;
      connection.close();
      if (isRunning) open();
    });
    connection.open(addressOf(opened++));
  };
  for (let count = 0; count < inFlight; count++) open();
  return () => {
    isRunning = false;
    return until(() => pending === 0);
  };
}

/**
 * Sends `rate` a second, whether those before were answered or not. Each is due on a whole millisecond, which is when
 * timers can run; what is late for that counts in its time.
 *
 * @param {number} rate
 * @param {(due: number, index: number) => void} send
 * @returns {() => void} stops it
 */
function pace(rate, send) {
  const start = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    for (; ; sent++) {
      const due = start + Math.ceil((1000 * sent) / rate);
      if (due > now) return;
      send(due, sent);
    }
  }, 1);
  return () => clearInterval(timer);
}

/**
 * Waits for what is on its way: as long as messages come, however many are left.
 *
 * @param {() => boolean} condition
 */
async function until(condition) {
  let [seen, since] = [messages, performance.now()];
  while (!condition()) {
    await sleep(1);
    if (messages !== seen) [seen, since] = [messages, performance.now()];
    if (performance.now() - since > silenceTimeoutMs)
      throw new Error(`messages were lost, after ${messages} that came`);
  }
}

/** @param {number} ms */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function ignore() {
  // Between two runs nothing is expected.
}
