import assert from "node:assert/strict";
import { PassThrough, Readable } from "node:stream";
import { test } from "node:test";
import { FastResponse } from "srvx/node";
import { deferred, eventually, within } from "../support/expect.ts";
import { expectReusable, expectWire, get, get10, head, readChunks, readLargeStream, setStage } from "./stage.ts";

/** A stream that yields its pieces one a turn, and tells what became of it. */
function slowSource(pieces: readonly string[]): { stream: ReadableStream<Uint8Array>; cancelled: Promise<void> } {
  const cancelled = deferred();
  const rest = [...pieces];
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise(setImmediate);
      const piece = rest.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(Buffer.from(piece));
    },
    cancel: () => cancelled.resolve(),
  });
  return { stream, cancelled: cancelled.promise };
}

/** A stream that never yields, and tells when it is let go. */
function silentSource(first?: string): { stream: ReadableStream<Uint8Array>; cancelled: Promise<void> } {
  const cancelled = deferred();
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      if (first !== undefined) controller.enqueue(Buffer.from(first));
    },
    cancel: () => cancelled.resolve(),
  });
  return { stream, cancelled: cancelled.promise };
}

test("a text response has its type and length in one piece [C28]", async (t) => {
  const stage = await setStage(t, () => new Response("héllo"));
  const client = await stage.connect();
  client.write(get("/"));
  const response = await client.readResponse();
  assert.deepEqual(response.headers("content-type"), ["text/plain;charset=UTF-8"]);
  assert.equal(response.header("content-length"), "6");
  assert.equal(response.chunks, undefined);
  assert.equal(response.text, "héllo");
  await expectReusable(client);
});

for (const [name, body] of Object.entries({ null: null, "an empty text": "", "empty bytes": new Uint8Array() })) {
  test(`a response with ${name} as its body has length 0 [C28]`, async (t) => {
    const stage = await setStage(t, () => new Response(body));
    const client = await stage.connect();
    client.write(get("/"));
    const response = await client.readResponse();
    assert.equal(response.header("content-length"), "0");
    assert.equal(response.chunks, undefined);
    await expectReusable(client);
  });
}

test("status, status line and every cookie of a returned response arrive [C32]", async (t) => {
  const stage = await setStage(t, () => {
    const headers = new Headers({ "X-Both": "1, 2" });
    headers.append("Set-Cookie", "a=1; Path=/");
    headers.append("Set-Cookie", "b=2, with a comma");
    return new Response("gone", { status: 410, headers });
  });
  const client = await stage.connect();
  client.write(get("/"));
  const response = await client.readResponse();
  assert.equal(response.statusLine, "HTTP/1.1 410 Gone");
  assert.deepEqual(response.headers("set-cookie"), ["a=1; Path=/", "b=2, with a comma"]);
  assert.equal(response.header("x-both"), "1, 2");
});

for (const [name, type] of Object.entries({ Response, FastResponse })) {
  test(`bytes in the Headers of a ${name} arrive as they are, as those of an upstream response must [C32]`, async (t) => {
    const utf8 = Buffer.from("é€").toString("latin1");
    const stage = await setStage(
      t,
      () => new type("x", { headers: new Headers({ "X-Utf8": utf8, "X-Latin1": "\u00e9" }) }),
    );
    const client = await stage.connect();
    client.write(get("/"));
    const response = await client.readResponse();
    assert.equal(response.header("x-utf8"), utf8);
    assert.equal(response.header("x-latin1"), "\u00e9");
    await expectReusable(client);
  });
}

test("a length that the application gives to a returned response is not believed [C28, P16]", async (t) => {
  const stage = await setStage(
    t,
    () => new Response("abc", { headers: { "Content-Length": "99", "Transfer-Encoding": "chunked" } }),
  );
  const client = await stage.connect();
  client.write(get("/"));
  const response = await client.readResponse();
  assert.equal(response.header("content-length"), "3");
  assert.equal(response.text, "abc");
  await expectReusable(client);
});

test("a returned stream is chunked, one chunk a piece, each as it comes [C44]", async (t) => {
  const gate = deferred();
  let pulls = 0;
  const stage = await setStage(t, () => {
    return new Response(
      new ReadableStream<Uint8Array>({
        async pull(controller) {
          pulls += 1;
          if (pulls === 2) await gate.promise;
          if (pulls === 3) controller.close();
          else controller.enqueue(Buffer.from(`piece ${pulls}`));
        },
      }),
    );
  });
  const client = await stage.connect();
  client.write(get("/"));
  await expectWire(client, "HTTP/1.1 200 OK\r\nDate: <date>\r\nTransfer-Encoding: chunked\r\n\r\n7\r\npiece 1\r\n");
  await client.expectNothing(100);
  gate.resolve();
  await expectWire(client, "7\r\npiece 2\r\n0\r\n\r\n");
  await expectReusable(client);
});

test("an empty piece of a returned stream does not end it [C39]", async (t) => {
  const stage = await setStage(t, () => new Response(slowSource(["", "a", "", "b", ""]).stream));
  const client = await stage.connect();
  client.write(get("/"));
  const response = await client.readResponse();
  assert.deepEqual(response.chunks?.map(String), ["a", "b"]);
  await expectReusable(client);
});

test("a returned response waits for its turn behind a parked poll [C53]", async (t) => {
  const stage = await setStage(t);
  const client = await stage.connect();
  client.write(get("/poll") + get("/now/second"));
  (await stage.channel("/poll")).send("first");
  assert.equal((await client.readResponse()).text, "first");
  assert.equal((await client.readResponse()).text, "second");
});

test("HEAD of a returned text has its length and no body [C45, P14]", async (t) => {
  const stage = await setStage(t, () => new Response("hello"));
  const client = await stage.connect();
  client.write(head("/"));
  const response = await client.readResponse({ head: true });
  assert.equal(response.header("content-length"), "5");
  await expectReusable(client);
});

test("HEAD of a returned response without a body keeps the length that it gives [C46]", async (t) => {
  const stage = await setStage(t, () => new Response(null, { headers: { "Content-Length": "1234" } }));
  const client = await stage.connect();
  client.write(head("/"));
  const response = await client.readResponse({ head: true });
  assert.equal(response.header("content-length"), "1234");
  await expectReusable(client);
});

test("HEAD of a returned stream tells no length and lets the source go, also one that never yields [C45]", async (t) => {
  for (const source of [slowSource(["a", "b", "c"]), silentSource("a"), silentSource()]) {
    const stage = await setStage(t, () => new Response(source.stream));
    const client = await stage.connect();
    client.write(head("/"));
    await expectWire(client, "HTTP/1.1 200 OK\r\nDate: <date>\r\n\r\n");
    await within(1000, source.cancelled, "the cancellation of the source");
    await expectReusable(client);
  }
});

test("HEAD does not wait for a source that never ends its cancellation [C45]", async (t) => {
  const stage = await setStage(t, () => {
    return new Response(
      new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(Buffer.from("x")),
        cancel: () => new Promise(() => undefined),
      }),
    );
  });
  const client = await stage.connect();
  client.write(head("/"));
  assert.equal((await client.readResponse({ head: true })).status, 200);
  await expectReusable(client);
});

test("a slow reader slows the source down: it is asked no faster than the client reads [C44, P11]", async (t) => {
  const pieceBytes = 16 * 1024;
  const pieceCount = 2048;
  let pulled = 0;
  const stage = await setStage(t, () => {
    return new Response(
      new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            if (pulled === pieceCount) controller.close();
            else controller.enqueue(Buffer.alloc(pieceBytes, pulled++ & 0xff));
          },
        },
        { highWaterMark: 0 },
      ),
    );
  });
  const client = await stage.connect();
  client.pause();
  client.write(get("/"));
  // It stands still when the buffers of both kernels are full, far from the end.
  let before = -1;
  await eventually(
    async () => {
      before = pulled;
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.ok(pulled > 0 && pulled === before, `${pulled} pieces were asked for, still going on`);
    },
    { timeoutMs: 5000 },
  );
  assert.ok(pulled < pieceCount, "all of it was read although the client read nothing");
  client.resume();
  const response = await readLargeStream(client);
  assert.equal(response.body.length, pieceBytes * pieceCount);
  assert.equal(response.chunks?.length, pieceCount);
  assert.ok(response.chunks.every((chunk, index) => chunk[0] === (index & 0xff)));
  await expectReusable(client);
});

test("a source that fails before its first piece is a 500 without its message [C62]", async (t) => {
  const stage = await setStage(t, () => {
    return new Response(new ReadableStream({ pull: (controller) => controller.error(new Error("secret path")) }));
  });
  const client = await stage.connect();
  client.write(get("/"));
  const response = await client.readResponse();
  assert.equal(response.status, 500);
  assert.doesNotMatch(client.received.toString("latin1"), /secret|path/);
  assert.deepEqual(
    stage.errors.map(({ code }) => code),
    ["BODY_FAILED"],
  );
  await expectReusable(client);
});

test("a source that fails behind its first piece is cut, without the end of a body [C62]", async (t) => {
  const hasArrived = deferred();
  const stage = await setStage(t, () => {
    return new Response(
      new ReadableStream<Uint8Array>(
        {
          start: (controller) => controller.enqueue(Buffer.from("first")),
          async pull(controller) {
            await hasArrived.promise;
            controller.error(new Error("secret path"));
          },
        },
        // Asked for a second piece only when the first one is taken.
        { highWaterMark: 0 },
      ),
    );
  });
  const client = await stage.connect();
  client.write(get("/") + get("/now/second"));
  assert.equal((await client.readHead()).status, 200);
  assert.equal((await client.readChunk()).toString(), "first");
  hasArrived.resolve();
  await client.expectEnd();
  assert.doesNotMatch(client.received.toString("latin1"), /secret|path|second|0\r\n\r\n/);
  assert.deepEqual(
    stage.errors.map(({ code }) => code),
    ["BODY_FAILED"],
  );
});

for (const piece of [5, null, {}, { length: 3 }, ["a"], true]) {
  test(`a stream that yields ${JSON.stringify(piece)} is a failed body [C62]`, async (t) => {
    const stage = await setStage(t, () => {
      const stream = new ReadableStream<unknown>({
        start(controller) {
          controller.enqueue(piece);
          controller.close();
        },
      });
      return new Response(stream as ReadableStream<Uint8Array>);
    });
    const client = await stage.connect();
    client.write(get("/"));
    assert.equal((await client.readResponse()).status, 500);
    assert.deepEqual(
      stage.errors.map(({ code }) => code),
      ["BODY_FAILED"],
    );
    await expectReusable(client);
  });
}

test("a response that was read already is a 500 and reported [C62]", async (t) => {
  const used = new Response("used");
  await used.text();
  const locked = new Response("locked");
  locked.body?.getReader();
  const stage = await setStage(t, (_, path) => (path === "/used" ? used : locked));
  const client = await stage.connect();
  for (const path of ["/used", "/locked"]) {
    client.write(get(path));
    assert.equal((await client.readResponse()).status, 500);
  }
  assert.deepEqual(
    stage.errors.map(({ code }) => code),
    ["BODY_FAILED", "BODY_FAILED"],
  );
  await expectReusable(client);
});

test("Response.error(), which has status 0, is a 500 [C33]", async (t) => {
  const stage = await setStage(t, () => Response.error());
  const client = await stage.connect();
  client.write(get("/"));
  assert.equal((await client.readResponse()).status, 500);
  await expectReusable(client);
});

test("a client that leaves in the middle of a returned stream lets the source go [C80]", async (t) => {
  for (const source of [silentSource("first"), slowSource(Array.from({ length: 100_000 }, () => "x".repeat(1000)))]) {
    const stage = await setStage(t, () => new Response(source.stream));
    const client = await stage.connect();
    client.write(get("/"));
    await client.readHead();
    client.reset();
    await within(2000, source.cancelled, "the cancellation of the source");
    assert.deepEqual(stage.errors, []);
  }
});

test("a Node stream in a response is destroyed when the client leaves, and that is reported as nobody's fault [C80]", async (t) => {
  const destroyed = deferred();
  const body = new Readable({
    read: () => undefined,
    destroy: (error, callback) => {
      destroyed.resolve();
      callback(error);
    },
  });
  body.push("first");
  const stage = await setStage(t, () => {
    const shape: object = { status: 200, headers: new Headers(), body };
    return shape as Response;
  });
  const client = await stage.connect();
  client.write(get("/"));
  await client.readUntil("first");
  client.reset();
  await within(1000, destroyed.promise, "the destruction of the source");
  await expectReusable(await stage.connect());
  assert.deepEqual(stage.errors, []);
});

test("a response that comes too late for its client lets the source go [C80]", async (t) => {
  const answer = deferred<Response>();
  const source = silentSource("late");
  const stage = await setStage(t, () => answer.promise);
  const client = await stage.connect();
  client.write(get("/slow"));
  await stage.log.waitFor("request");
  client.reset();
  // The reset is seen before the probe on a connection that came after it.
  const probe = await stage.connect();
  probe.write(get("/now/probe"));
  await probe.readResponse();
  answer.resolve(new Response(source.stream));
  await within(1000, source.cancelled, "the cancellation of the source");
});

test("response classes of frameworks are taken by their shape [C8]", async (t) => {
  class Sub extends Response {}
  const shapes: Record<string, unknown> = {
    "/fast": new FastResponse("shape"),
    "/fast-stream": new FastResponse(slowSource(["sh", "ape"]).stream),
    "/sub": new Sub("shape"),
    "/plain": { status: 200, headers: new Headers(), body: new Response("shape").body },
    "/iterable-headers": { status: 200, headers: [["X-A", "1"]], body: new Response("shape").body },
    "/node-stream": { status: 200, headers: new Headers(), body: new PassThrough().end("shape") },
  };
  const stage = await setStage(t, (_, path) => shapes[path] as Response);
  const client = await stage.connect();
  for (const path of Object.keys(shapes)) {
    client.write(get(path));
    const response = await client.readResponse();
    assert.equal(response.status, 200, path);
    assert.equal(response.text, "shape", path);
  }
  assert.deepEqual(stage.errors, []);
});

test("a response-like object without a body is an empty response [C8]", async (t) => {
  const shapes: Record<string, unknown> = {
    "/none": { status: 200, headers: {} },
    "/null": { status: 200, headers: {}, body: null },
  };
  const stage = await setStage(t, (_, path) => shapes[path] as Response);
  const client = await stage.connect();
  for (const path of Object.keys(shapes)) {
    client.write(get(path));
    const response = await client.readResponse();
    assert.equal(response.status, 200, path);
    assert.equal(response.header("content-length"), "0");
  }
});

test("what only looks like a response is a 500, and the server lives on [C132, C134]", async (t) => {
  const broken = {
    get status(): number {
      throw new Error("no status");
    },
    headers: {},
  };
  const brokenHeaders = {
    status: 200,
    get headers(): Headers {
      throw new Error("no headers");
    },
  };
  const brokenBody = {
    status: 200,
    headers: {},
    get body(): null {
      throw new Error("no body");
    },
  };
  const results: Record<string, unknown> = {
    "/status": broken,
    "/headers": brokenHeaders,
    "/body": brokenBody,
    "/number-body": { status: 200, headers: {}, body: 5 },
    "/object-body": { status: 200, headers: {}, body: {} },
    "/null-headers": { status: 200, headers: null },
    "/bad-status": { status: 99, headers: {}, body: {} },
    "/text": "text",
    "/null": null,
  };
  const stage = await setStage(t, (_, path) => {
    const key = path.replace("/later", "");
    const result = (key in results ? results[key] : undefined) as Response;
    return path.startsWith("/later") ? Promise.resolve(result) : (result ?? (0 as unknown as Response));
  });
  const client = await stage.connect();
  for (const path of Object.keys(results)) {
    for (const prefix of ["", "/later"]) {
      client.write(get(prefix + path));
      const response = await client.readResponse();
      assert.equal(response.status, 500, prefix + path);
      assert.doesNotMatch(response.text, /no (status|headers|body)/);
    }
  }
  assert.equal(stage.errors.length, 2 * Object.keys(results).length);
  await expectReusable(client);
});

test("a response behind a proxy is answered, whether this Node lets it be read or not [C134]", async (t) => {
  const stage = await setStage(t, () => new Proxy(new Response("x"), {}));
  const client = await stage.connect();
  client.write(get("/"));
  assert.match(String((await client.readResponse()).status), /^(200|500)$/);
  await expectReusable(client);
});

test("one turn of the event loop is not required between the pieces of a small body [C28]", async (t) => {
  const stage = await setStage(t, () => new Response(new Blob(["a", "b", "c"])));
  const client = await stage.connect();
  client.write(get("/"));
  assert.equal((await client.readResponse()).text, "abc");
  await expectReusable(client);
});

test("a large body arrives whole [C126]", async (t) => {
  const body = Buffer.alloc(8 * 1024 * 1024, "0123456789");
  const stage = await setStage(t, () => new Response(body));
  const client = await stage.connect();
  client.write(get("/"));
  const response = await client.readResponse({ timeoutMs: 10_000 });
  assert.ok(response.body.equals(body));
  await expectReusable(client);
});

test("a returned stream to a HTTP/1.0 client that resets lets the source go [C50, C80]", async (t) => {
  const source = silentSource("first");
  const stage = await setStage(t, () => new Response(source.stream));
  const client = await stage.connect();
  client.write(get10("/"));
  await client.readUntil("first");
  client.reset();
  await within(2000, source.cancelled, "the cancellation of the source");
});

test("chunks of a returned stream are readable one by one behind a head [C38]", async (t) => {
  const stage = await setStage(t, () => new Response(slowSource(["1", "2", "3"]).stream));
  const client = await stage.connect();
  client.write(get("/"));
  await client.readHead();
  assert.deepEqual(await readChunks(client), ["1", "2", "3"]);
});
