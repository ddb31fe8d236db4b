import { after, before, describe, it } from "node:test";
import { startEchoServer } from "./echo-server.ts";
import { fewAtATime } from "./few-at-a-time.ts";
import { checkCase, type FrameCase, limitsOf } from "./frame-case.ts";
import { sections } from "./frame-cases/index.ts";

/** Longer ones are cut at every byte elsewhere, where they are shortened to what matters. */
const mostBytesOneByOne = 400;

type Server = Awaited<ReturnType<typeof startEchoServer>>;

describe("frames", () => {
  const servers = new Map<string, Server>();
  const serverFor = ({ limits = "default" }: FrameCase): Server => {
    const server = servers.get(limits);
    if (server === undefined) throw new Error(`no server with the limits ${limits}`);
    return server;
  };
  before(async () => {
    for (const [name, limits] of Object.entries(limitsOf)) servers.set(name, await startEchoServer(limits));
  });
  after(() => Promise.all([...servers.values()].map((server) => server.stop({ timeoutMs: 0 }))));

  for (const { title, cases } of sections) {
    describe(title, () => {
      for (const each of cases) {
        it(`${each.name} [${each.rule}]`, () => checkCase(serverFor(each), each));
      }
      it(`${title}: each case comes out the same when every byte is a segment of its own [C115]`, async () => {
        const short = cases.filter(({ send }) => Buffer.concat(send).length <= mostBytesOneByOne);
        await fewAtATime(short, (each) => checkCase(serverFor(each), each, { cutting: "bytes" }));
      });
    });
  }
});
