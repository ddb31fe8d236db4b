import assert from "node:assert/strict";
import { expectProbe, getRequest } from "../contract/kinds.ts";
import { connectRaw } from "../support/raw-client.ts";
import type { TestChannel } from "./application.ts";
import { pitfall, type Target } from "./pitfall.ts";

async function park({ port, channel }: Target, request = getRequest("/a")) {
  const client = await connectRaw(port);
  client.write(request);
  return { client, parked: await channel("/a") };
}

pitfall("the answer to HEAD has the length that its body would have [C45] [P14]", {
  naive: /content-length/,
  async check(target) {
    const { client, parked } = await park(target, getRequest("/a").replace("GET", "HEAD"));
    parked.send("hello");
    const response = await client.readResponse({ head: true });
    assert.equal(response.header("content-length"), "5", "content-length");
    await expectProbe(client);
  },
});

pitfall("a 205 has no body, and a length that says so [C47] [P15]", {
  naive: /content-length/,
  async check(target) {
    const { client, parked } = await park(target);
    parked.send({ status: 205, body: "dropped" });
    const response = await client.readResponse();
    assert.equal(response.header("content-length"), "0", "content-length");
    assert.equal(response.text, "");
    await expectProbe(client);
  },
});

for (const length of ["2", "99"]) {
  pitfall(`a Content-Length of ${length} from the application for three bytes is put right [C28] [P16]`, {
    naive: /no response in|content-length/,
    async check(target) {
      const { client, parked } = await park(target);
      parked.send({ headers: { "Content-Length": length }, body: "hey" });
      const response = await client.readResponse({ timeoutMs: 1000 });
      assert.equal(response.header("content-length"), "3", "content-length");
      await expectProbe(client);
    },
  });
}

pitfall("Content-Length and Transfer-Encoding from the application do not both get out [C28] [P17]", {
  naive: /both transfer-encoding and content-length/,
  async check(target) {
    const { client, parked } = await park(target);
    parked.send({ headers: { "Content-Length": "3", "Transfer-Encoding": "chunked" }, body: "hey" });
    assert.equal((await client.readResponse()).text, "hey");
    await expectProbe(client);
  },
});

pitfall("a client of HTTP/1.0 that asks for it keeps its connection [C49] [P18]", {
  naive: /content-length/,
  async check(target) {
    const request = "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    const { client, parked } = await park(target, request);
    parked.send("hello");
    const head = await client.readHead();
    assert.equal(head.header("content-length"), "5", "content-length");
    assert.equal((await client.readBytes(5)).toString(), "hello");
    await expectProbe(client);
  },
});

pitfall("a stream's head is sent before there is anything to stream [C37] [P19]", {
  naive: /no response head in/,
  async check(target) {
    const { client, parked } = await park(target);
    parked.send({ headers: { "Content-Type": "text/event-stream" } }, { close: false });
    assert.equal((await client.readHead({ timeoutMs: 1000 })).status, 200);
  },
});

pitfall("data of a wrong type throws and leaves no trace [C23] [P20]", {
  naive: /404 !== 200/,
  async check(target) {
    const { client, parked } = await park(target);
    const wrong = { status: 404, body: 42 } as unknown as Parameters<TestChannel["send"]>[0];
    assert.throws(() => parked.send(wrong));
    parked.send("right");
    const response = await client.readResponse();
    assert.equal(response.status, 200);
    assert.equal(response.text, "right");
  },
});

pitfall("status and headers of a later send are dropped [C21] [P21]", {
  naive: /headers after they are sent/,
  async check(target) {
    const { client, parked } = await park(target);
    parked.send({ body: "one" }, { close: false });
    parked.send({ status: 500, headers: { "X-Late": "1" }, body: "two" });
    const response = await client.readResponse();
    assert.deepEqual(response.chunks?.map(String), ["one", "two"]);
    await expectProbe(client);
  },
});

pitfall("a send after the answer does nothing [C15] [C16] [P22]", {
  naive: /cannot connect|the connection ended/,
  isFatal: true,
  async check({ port }) {
    const client = await connectRaw(port);
    client.write(getRequest("/twice"));
    assert.equal((await client.readResponse()).text, "one");
    await expectProbe(client);
  },
});

pitfall("a handler that throws is answered for, and ends nothing else [C128] [C134] [P23]", {
  naive: /cannot connect|the connection ended/,
  isFatal: true,
  async check({ port }) {
    const client = await connectRaw(port);
    client.write(getRequest("/throws"));
    const response = await client.readResponse();
    assert.equal(response.status, 500);
    assert.doesNotMatch(response.text, /secret/);
    await expectProbe(client);
  },
});

pitfall("no answer promises a time for which the connection is kept [P26]", {
  naive: /timeout=5/,
  async check(target) {
    const { client, parked } = await park(target);
    parked.send("hello");
    assert.equal((await client.readResponse()).header("keep-alive"), undefined);
  },
});
