import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import type { Bar, Question } from "../../bench/lib/question.d.ts";
import { root } from "../architecture/source.ts";
import { runProgram } from "../support/child.ts";

type Figures = Record<string, number>;
type Verdict = Bar & { isMet: boolean; value: number; spread: number; by: string };
type Histogram = { add(ms: number): void; clear(): void; quantile(share: number): number | undefined };

/** The suite is JavaScript that runs as it is: nothing of it is compiled. */
const load = async (path: string): Promise<unknown> => import(pathToFileURL(join(root, "bench", path)).href);

const { summariseValues, summarise } = (await load("lib/statistics.js")) as {
  readonly summariseValues: (values: number[]) => { median: number; spread: number };
  readonly summarise: (rounds: Figures[]) => Record<string, { median: number; spread: number }>;
};
const { judge } = (await load("lib/judge.js")) as {
  readonly judge: (bar: Bar, rows: Map<string, Figures[]>) => Verdict;
};
const { cellsOf, formatTable, formatMarkdown, formatVerdict } = (await load("lib/table.js")) as {
  readonly cellsOf: (columns: string[], rows: Map<string, Figures[]>) => string[][];
  readonly formatTable: (lines: string[][]) => string;
  readonly formatMarkdown: (lines: string[][]) => string;
  readonly formatVerdict: (verdict: Verdict) => string;
};
const { describeResults, mergeRuns, replaceFigures } = (await load("lib/document.js")) as {
  readonly describeResults: (runs: object[], sourceOf: (question: string) => string) => string;
  readonly mergeRuns: (runs: object[]) => { seconds: number; results: object[] }[];
  readonly replaceFigures: (page: string, figures: string) => string;
};
const { Histogram } = (await load("load/histogram.js")) as { Histogram: new () => Histogram };
const { dial, text } = (await load("load/dials.js")) as {
  readonly dial: (row: string, path: string, bytes: number) => { message: string };
  readonly text: (bytes: number) => string;
};

const folder = join(root, "bench", "questions");
const names = readdirSync(folder).map((entry) => entry.replace(/\.js$/, ""));

describe("the statistics of the benchmark", () => {
  it("take the middle of the values, whatever their order", () => {
    assert.equal(summariseValues([5, 1, 100, 2, 4]).median, 4);
    assert.equal(summariseValues([4, 1, 3, 2]).median, 2.5);
    assert.deepEqual(summariseValues([7]), { median: 7, spread: 0 });
  });

  it("give half of the distance of the quartiles as a share of the median", () => {
    assert.equal(summariseValues([10, 8, 9, 12, 11]).spread, 0.1); // quartiles 9 and 11
    assert.equal(summariseValues([10, 8, 9, 1200, 11]).spread, 0.1, "one bad round does not count");
  });

  it("summarise each figure by itself", () => {
    const { rate, cpu } = summarise([
      { rate: 1, cpu: 30 },
      { rate: 3, cpu: 10 },
      { rate: 2, cpu: 20 },
    ]);
    assert.deepEqual([rate?.median, cpu?.median], [2, 20]);
  });
});

describe("a verdict of the benchmark", () => {
  const rows = (own: Figures[], other: Figures[]): Map<string, Figures[]> =>
    new Map([
      ["channelkit", own],
      ["ws", other],
    ]);
  const rounds = (rates: number[], rest: Figures): Figures[] => rates.map((rate) => ({ rate, ...rest }));

  it("compares medians, and spreads over the ratios of each round", () => {
    const busy = { serverBusy: 1 };
    const measured = rows(rounds([60, 70, 90], busy), rounds([10, 10, 15], busy));
    const verdict = judge({ load: "", figure: "rate", against: "ws", atLeast: 7 }, measured);
    assert.deepEqual([verdict.value, verdict.isMet, verdict.by], [7, true, "rate"]);
    assert.equal(verdict.spread, summariseValues([6, 7, 6]).spread);
    assert.equal(judge({ load: "", figure: "rate", against: "ws", atLeast: 7.1 }, measured).isMet, false);
  });

  it("compares the CPU time where one of the servers was not busy", () => {
    const idle = rows(rounds([50], { cpu: 2, serverBusy: 1 }), rounds([50], { cpu: 10, serverBusy: 0.5 }));
    const verdict = judge({ load: "", figure: "rate", against: "ws", atLeast: 5 }, idle);
    assert.deepEqual([verdict.value, verdict.isMet, verdict.by], [5, true, "cpu"]);
    assert.match(formatVerdict(verdict), /^met {2}5 × k\/s of ws, by the CPU time, bar: at least 5$/);
  });

  it("holds figures that are no rates against their bound as they are", () => {
    const measured = rows([{ p99: 2, besideP99: 21 }], [{ p99: 2.5 }]);
    assert.equal(judge({ load: "", figure: "p99", against: "ws", atMost: 1 }, measured).value, 0.8);
    const alone = judge({ load: "", figure: "besideP99", atMost: 20 }, measured);
    assert.deepEqual([alone.value, alone.isMet], [21, false]);
  });

  it("is not met by a row that was not measured", () => {
    const measured = new Map([["channelkit", [{ cpu: 1 }]]]);
    assert.equal(judge({ load: "", figure: "cpu", against: "ws", atMost: 1 }, measured).isMet, false);
  });
});

describe("a table of the benchmark", () => {
  const lines = cellsOf(
    ["rate", "serverBusy"],
    new Map([
      ["channelkit", [{ rate: 123_456, serverBusy: 0.99, othersBusy: 0 }]],
      ["bun", [{ rate: 2000, serverBusy: 0.7, othersBusy: 0.5 }]],
    ]),
  );

  it("tells which rows were held back, and when something else was running", () => {
    assert.deepEqual(lines, [
      ["", "k/s", "server busy", ""],
      ["channelkit", "123", "99 %", ""],
      ["bun", "2", "70 %", "held back: read the CPU time; others used 50 % of a CPU"],
    ]);
  });

  it("stands in columns, or in Markdown", () => {
    assert.equal(formatTable(lines).split("\n")[1], "  channelkit   123          99 %");
    assert.equal(formatMarkdown(lines).split("\n")[2], "| channelkit | 123 | 99 % |  |");
  });
});

describe("the load of the benchmark", () => {
  it("knows quantiles of times to two per cent", () => {
    const histogram = new Histogram();
    assert.equal(histogram.quantile(0.5), undefined);
    for (let ms = 1; ms <= 1000; ms++) histogram.add(ms);
    for (const [share, value] of [
      [0.5, 500],
      [0.99, 990],
      [0.999, 999],
    ] as const) {
      assert.ok(
        Math.abs((histogram.quantile(share) ?? 0) / value - 1) < 0.022,
        `${share}: ${histogram.quantile(share)}`,
      );
    }
    histogram.clear();
    assert.equal(histogram.quantile(0.5), undefined);
  });

  it("sends frames that a WebSocket server reads", () => {
    for (const bytes of [64, 126, 65_535, 65_536]) {
      const frame = Buffer.from(dial("ws", "echo", bytes).message, "latin1");
      const lengthBytes = bytes < 126 ? 0 : bytes < 65_536 ? 2 : 8;
      const announced =
        lengthBytes === 0 ? (frame[1] ?? 0) & 0x7f : Number(`0x${frame.toString("hex", 2, 2 + lengthBytes)}`);
      const mask = frame.subarray(2 + lengthBytes, 6 + lengthBytes);
      const payload = frame.subarray(6 + lengthBytes).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
      assert.equal(announced, bytes);
      assert.equal(Buffer.from(payload).toString(), text(bytes));
    }
  });
});

describe("the questions of the benchmark", () => {
  for (const name of names) {
    it(`${name}: says question, load and unit, and has bars on what it measures`, async () => {
      const source = readFileSync(join(folder, `${name}.js`), "utf8");
      for (const word of ["Question", "Load", "Unit"]) assert.match(source, new RegExp(`^ \\* ${word}: `, "m"));
      const { question } = (await load(`questions/${name}.js`)) as { question: Question };
      for (const bar of question.bars ?? []) {
        const about = question.loads.find((one) => one.name === bar.load);
        assert.ok(about !== undefined, `no load ${bar.load}`);
        assert.ok(question.figures.includes(bar.figure), bar.figure);
        assert.ok(bar.against === undefined || (about.rows ?? question.rows).includes(bar.against), bar.against);
        assert.ok((bar.atLeast === undefined) !== (bar.atMost === undefined), bar.load);
      }
    });
  }
});

describe("the page of figures", () => {
  it("takes a run in place of what stands between its marks, with the headers of the questions", () => {
    const verdict = judge({ load: "", figure: "cpu", against: "ws", atMost: 1 }, new Map());
    const run = {
      start: "2026-01-02T03:04:05.000Z",
      seconds: 1800,
      environment: { node: "Node v20" },
      settings: { rounds: 5, ms: 1200 },
      results: [
        {
          question: "echo",
          load: "1 in flight",
          table: [
            ["", "k/s", ""],
            ["ws", "50", ""],
          ],
          verdicts: [verdict],
        },
      ],
    };
    const figures = describeResults([run], () => "// @ts-check\n/**\n * Question: how\n * fast?\n * Unit: s.\n */\n");
    assert.match(
      figures,
      /^- Node v20\n\n\| goal.*\n\| ---.*\n\| echo, 1 in flight \| [^|]+ \| at [^|]+ \| (met|MISS) \|\n\n### echo\n\n- Question: how fast\?\n- Unit: s\.\n\n\*\*1 in flight\*\*\n\n\|  \| k\/s \|$/m,
    );
    const again = { ...run, environment: { node: "Node v24" } };
    const merged = mergeRuns([run, again, run]);
    assert.deepEqual(
      merged.map(({ seconds, results }) => [seconds, results.length]),
      [
        [3600, 2],
        [1800, 1],
      ],
    );
    const page = readFileSync(join(root, "docs", "performance.md"), "utf8");
    const once = replaceFigures(page, figures);
    assert.ok(once.includes(figures) && once.startsWith("# Performance\n"));
    assert.equal(replaceFigures(once, figures), once);
    assert.throws(() => replaceFigures("# Another page", figures), /has no lines/);
  });
});

describe("npm run bench", () => {
  for (const [what, args, told] of [
    ["a number of rounds that is none", ["--rounds", "x"], /--rounds must be/],
    ["a Node that is not supported", ["--node", "18"], /--node must be 20 or 24/],
    ["a question that is not there", ["ecko"], /no such question: ecko.*echo/],
    ["a baseline that is no build", ["--baseline", "test"], /there is no .*index\.js/],
    ["an option that is not there", ["--fast"], /--fast/],
  ] as const) {
    it(`says what is wrong with ${what}`, async () => {
      const program = await runProgram(join(root, "bench", "run.js"), { args });
      const { code } = await program.exited;
      assert.equal(code, 2);
      assert.match(program.output(), told);
    });
  }
});
