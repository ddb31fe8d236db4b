import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createListeners,
  defaultCompressionLimits,
  defaultLimits,
  isChannelError,
  type ListenerOptions,
  serve,
  type ServeOptions,
  withChannel,
} from "../../src/index.ts";
import { selfSignedCertificate } from "../support/certificate.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { get } from "../http/stage.ts";
import { connectRaw } from "../support/raw-client.ts";
import { setServer } from "./set-server.ts";

guardAgainstUnhandled();

const handler = (): Response => new Response();
/** What a JavaScript caller may write and the types forbid. */
const asOptions = (value: unknown): ServeOptions => value as ServeOptions;

function expectInvalid(run: () => unknown, argument: string): void {
  assert.throws(
    () => void run(),
    (error) => {
      assert.ok(isChannelError(error) && error.code === "INVALID_ARGUMENT", String(error));
      assert.equal(error.details.argument, argument);
      assert.ok(error.message.startsWith(`${argument} must be `), error.message);
      return true;
    },
  );
}

const wrong: Record<keyof ListenerOptions, readonly unknown[]> = {
  allowedHosts: ["app.example", null, {}, [], ["*"], ["*.example"], ["http://app.example"], ["::1"], [""], [7]],
  allowedOrigins: [
    "https://a.example",
    null,
    {},
    [1],
    ["a.example"],
    ["https://a.example/"],
    ["https://*.example"],
    ["null"],
  ],
  trustProxy: ["1", true, -1, 1.5, NaN, Infinity, null],
  serverHeader: ["", "a\r\nB: c", "\u00e9", 5, null, {}],
  onError: ["print", null, {}],
  limits: [null, 5, "small", [], new Map()],
  compression: [null, 1, "yes", [], new Map(), { threshold: 1024 }],
};
const wrongOfServe: Record<string, readonly unknown[]> = {
  port: ["8080", -1, 65_536, 1.5, NaN, null],
  hostname: [5, null, "", {}],
  tls: [
    null,
    true,
    "cert",
    // Node would listen, and refuse every client.
    {},
    [],
    { key: selfSignedCertificate().key },
    { cert: selfSignedCertificate().cert },
    { key: [], cert: [] },
    { key: "", cert: "" },
    { pfx: [] },
    { handshakeTimeout: 1000 },
    { key: "no key", cert: "no certificate" },
    { ...selfSignedCertificate(), minVersion: "TLSv9" },
  ],
};

for (const [name, values] of Object.entries({ ...wrong, ...wrongOfServe })) {
  test(`serve throws INVALID_ARGUMENT at once for each wrong ${name}`, () => {
    for (const value of values) expectInvalid(() => serve(handler, asOptions({ port: 0, [name]: value })), name);
  });
}

for (const [name, values] of Object.entries(wrong)) {
  test(`createListeners throws INVALID_ARGUMENT at once for each wrong ${name}`, () => {
    for (const value of values) expectInvalid(() => createListeners(handler, asOptions({ [name]: value })), name);
  });
}

test("a handler that is no function throws at once", () => {
  for (const value of [undefined, null, {}, "handler"]) {
    // @ts-expect-error -- no handler
    expectInvalid(() => serve(value, { port: 0 }), "handler");
    // @ts-expect-error -- no handler
    expectInvalid(() => createListeners(value), "handler");
  }
});

test("options that are no object, and names that are no option, throw at once", () => {
  for (const value of [null, 8080, "8080", { prot: 8080 }, { Port: 8080 }, { limit: {} }, [], new Map(), new Date()]) {
    expectInvalid(() => serve(handler, asOptions(value)), "options");
    expectInvalid(() => createListeners(handler, asOptions(value)), "options");
  }
  for (const name of ["port", "hostname", "tls"]) {
    expectInvalid(() => createListeners(handler, asOptions({ [name]: undefined })), "options");
  }
});

test("a name that is no limit throws at once", () => {
  expectInvalid(() => serve(handler, asOptions({ port: 0, limits: { maxMessageByte: 1 } })), "limits");
});

for (const name of Object.keys(defaultLimits)) {
  test(`each wrong value of the limit ${name} throws at once`, () => {
    const values: unknown[] = ["1", null, NaN, Infinity, -1, 1.5, 2 ** 53, {}];
    if (name !== "pingIntervalMs") values.push(0);
    // Node would run such a timer at once.
    if (name.endsWith("Ms")) values.push(2 ** 31);
    for (const value of values) {
      expectInvalid(() => createListeners(handler, asOptions({ limits: { [name]: value } })), `limits.${name}`);
    }
  });
}

for (const name of Object.keys(defaultCompressionLimits)) {
  test(`each wrong value of ${name} of the compression throws at once`, () => {
    for (const value of ["1", null, NaN, Infinity, -1, 0, 1.5, 2 ** 53, {}]) {
      const options = asOptions({ compression: { [name]: value } });
      expectInvalid(() => createListeners(handler, options), `compression.${name}`);
    }
  });
}

test("a smallest message for compression that is larger than the largest throws at once", () => {
  const { minBytes, maxBytes } = defaultCompressionLimits;
  for (const compression of [{ minBytes: 2, maxBytes: 1 }, { minBytes: maxBytes + 1 }, { maxBytes: minBytes - 1 }]) {
    expectInvalid(() => createListeners(handler, { compression }), "compression.minBytes");
  }
  for (const compression of [{ minBytes: 1, maxBytes: 1 }, { minBytes: maxBytes }, { maxBytes: minBytes }]) {
    assert.doesNotThrow(() => createListeners(handler, { compression }));
  }
});

test("undefined stands for the default of every option and limit", async (t) => {
  const limits = Object.fromEntries(Object.keys(defaultLimits).map((name) => [name, undefined]));
  const names = ["allowedOrigins", "trustProxy", "serverHeader", "onError", "hostname", "tls", "compression"];
  const options = Object.fromEntries(names.map((name) => [name, undefined]));
  const { port } = await setServer(t, handler, asOptions({ ...options, limits }));
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200);
});

test("serverHeader is the Server field of answers and of refusals; by default there is none [C30]", async (t) => {
  for (const [options, expected] of [
    [{ serverHeader: "channelkit/1 (test)" }, "channelkit/1 (test)"],
    [{}, undefined],
  ] as const) {
    const { port } = await setServer(t, handler, options);
    const client = await connectRaw(port);
    t.after(() => client.destroy());
    client.write(`${get("/")}bad request\r\n\r\n`);
    assert.equal((await client.readResponse()).header("server"), expected);
    assert.equal((await client.readResponse()).header("server"), expected);
  }
});

test("withChannel throws for no function, for a request that is not being served, and for the second call", async (t) => {
  const { port } = await setServer(t, (request) => {
    // @ts-expect-error -- no function
    expectInvalid(() => withChannel(request, "use"), "use");
    assert.throws(() => withChannel(request.clone(), () => undefined), { code: "CHANNEL_UNAVAILABLE" });
    const response = withChannel(request, (channel) => void channel.send("once"));
    assert.throws(() => withChannel(request, () => undefined), { code: "CHANNEL_UNAVAILABLE" });
    return response;
  });
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "once");
  assert.throws(() => withChannel(new Request("http://a/"), () => undefined), { code: "CHANNEL_UNAVAILABLE" });
});
