// @ts-check
import { join } from "node:path";
import { dial } from "../load/dials.js";
import { certificate } from "./certificate.js";
import { pin, residentBytes } from "./cpu.js";
import { Process } from "./lines.js";

/** @typedef {import("./question.js").Load} Load */
/** @typedef {import("./question.js").Run} Run */
/** @typedef {import("./statistics.js").Figures} Figures */
/** @typedef {{ node: string, rounds: number, warmupMs: number, ms: number, baseline: string | undefined }} Settings */
/** @typedef {{ port: number, controlPort: number }} Ports */

const bench = join(import.meta.dirname, "..");
const bun = join(bench, "node_modules", "bun", "bin", "bun.exe");

/**
 * Measures one load for all rows, the rows interleaved: each round asks every row once, and begins with another one, so
 * that what else the machine does hits all alike.
 *
 * @param {Load} load
 * @param {string[]} rows
 * @param {Settings} settings
 * @param {(row: string) => number | undefined} rateOf for loads that are a share of another
 * @returns {Promise<Map<string, Figures[]>>} for each row the figures of each round
 */
export async function measure(load, rows, settings, rateOf) {
  const results = new Map(rows.map((row) => [row, /** @type {Figures[]} */ ([])]));
  const isFresh = load.run.kind === "memory";
  /** @type {Map<string, Session>} */
  const sessions = new Map();
  // One after the other: when 75 000 connections came at once, messages to some of SockJS's got lost.
  if (!isFresh) for (const row of rows) sessions.set(row, await Session.open(row, load, settings));
  // Compilers and caches get to know the load, which is not what is asked for.
  for (const [row, session] of sessions) await session.run(rateOf(row));
  for (let round = 0; round < settings.rounds; round++) {
    for (let index = 0; index < rows.length; index++) {
      const row = /** @type {string} */ (rows[(index + round) % rows.length]);
      const figures = isFresh ? await measureMemory(row, load, settings) : await sessions.get(row)?.run(rateOf(row));
      if (figures !== undefined) results.get(row)?.push(figures);
    }
  }
  for (const session of sessions.values()) session.end();
  return results;
}

/** The server of a row with its connections. */
class Session {
  #load;
  #settings;
  #server;
  /** @type {{ process: Process, run: Run, prefix: string }[]} */
  #clients = [];

  /**
   * @param {Load} load
   * @param {Settings} settings
   * @param {Process} server
   */
  constructor(load, settings, server) {
    this.#load = load;
    this.#settings = settings;
    this.#server = server;
  }

  /**
   * @param {string} row
   * @param {Load} load
   * @param {Settings} settings
   */
  static async open(row, load, settings) {
    const server = startServer(row, load, settings);
    const session = new Session(load, settings, server);
    const ports = /** @type {Ports} */ (await server.ask({}));
    pin(server.pid, 0);
    await session.#connect(row, ports, { parties: load.parties, run: load.run, prefix: "" });
    if (load.beside !== undefined) await session.#connect(row, ports, { ...load.beside, prefix: "beside" });
    return session;
  }

  /**
   * @param {number | undefined} rate
   * @returns {Promise<Figures>}
   */
  async run(rate) {
    const { warmupMs } = this.#settings;
    const ms = Math.max(this.#settings.ms, this.#load.minimumMs ?? 0);
    const results = this.#clients.map(async ({ process, run, prefix }) => {
      const figures = /** @type {Figures} */ (
        await process.ask({ run: { ...run, warmupMs, ms, ...(rate && { rate }) } })
      );
      return Object.entries(figures).map(([name, value]) => [prefix ? `${prefix}${capital(name)}` : name, value]);
    });
    return /** @type {Figures} */ (Object.fromEntries((await Promise.all(results)).flat()));
  }

  end() {
    for (const { process } of this.#clients) process.end();
    this.#server.end();
  }

  /**
   * @param {string} row
   * @param {Ports} ports
   * @param {{ parties: import("./question.js").Parties, run: Run, prefix: string }} client
   */
  async #connect(row, ports, { parties, run, prefix }) {
    const process = await connect(row, this.#load, {
      ...ports,
      pid: this.#server.pid,
      parties: run.kind === "accept" ? [] : parties,
    });
    this.#clients.push({ process, run, prefix });
    pin(process.pid, this.#clients.length);
  }
}

/**
 * What a connection adds to the memory of its server.
 *
 * @param {string} row
 * @param {Load} load
 * @param {Settings} settings
 * @returns {Promise<Figures>}
 */
async function measureMemory(row, load, settings) {
  const server = startServer(row, load, settings);
  const ports = /** @type {Ports} */ (await server.ask({}));
  // What is loaded and compiled for the first connections is no cost of the others.
  const few = /** @type {import("./question.js").Parties} */ (load.parties.map(([path]) => [path, 200]));
  const first = await connect(row, load, { ...ports, pid: server.pid, parties: few });
  const before = await memoryOf(server);
  const all = await connect(row, load, { ...ports, pid: server.pid, parties: load.parties });
  const after = await memoryOf(server);
  const count = load.parties.reduce((sum, [, connections]) => sum + connections, 0);
  for (const process of [first, all, server]) process.end();
  return {
    resident: (after.resident - before.resident) / count,
    heap: (after.heap - before.heap) / count,
  };
}

/** @param {Process} server */
async function memoryOf(server) {
  const { heapUsed } = /** @type {{ heapUsed: number }} */ (await server.ask({ memory: true }));
  return { heap: heapUsed, resident: residentBytes(server.pid) };
}

/**
 * @param {string} row
 * @param {Load} load
 * @param {Settings} settings
 */
function startServer(row, load, { node, baseline }) {
  const file = row === "baseline" ? "channelkit" : row;
  const { bytes = 64, compress } = load;
  const options = JSON.stringify({ bytes, compress, ...(load.tls && { tls: certificate() }) });
  const parameters = [join(bench, "servers", "host.js"), file, options];
  if (row === "bun") return new Process(bun, parameters);
  const env = row === "baseline" && baseline !== undefined ? { BENCH_CHANNELKIT: baseline } : {};
  // The young generation would grow by itself, by more than what most connections take.
  const youngMiB = 16;
  const flags = ["--expose-gc", `--min-semi-space-size=${youngMiB}`, `--max-semi-space-size=${youngMiB}`];
  return new Process(
    node,
    load.run.kind === "memory" ? [...flags, ...parameters] : ["--expose-gc", ...parameters],
    env,
  );
}

/**
 * @param {string} row
 * @param {Load} load
 * @param {Ports & { pid: number, parties: import("./question.js").Parties }} target
 */
async function connect(row, load, { parties, ...target }) {
  const process = new Process(bun, [join(bench, "load", "load.js"), row]);
  const dials = (parties.length > 0 ? parties : load.parties).map(([path, count]) => ({
    count: parties.length > 0 ? count : 0,
    dial: dial(row, path, load.bytes ?? 64, load.compress),
  }));
  await process.ask({ connect: { ...target, tls: load.tls === true, parties: dials } });
  return process;
}

/** @param {string} name */
function capital(name) {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
