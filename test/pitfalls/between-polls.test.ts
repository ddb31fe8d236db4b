import assert from "node:assert/strict";
import { getRequest } from "../contract/kinds.ts";
import { connectRaw } from "../support/raw-client.ts";
import { pitfall } from "./pitfall.ts";

// In a file of its own, which runs beside the others: it takes its time.
// The time for which Node keeps a connection by default, and the second that it adds, and a little.
const pauseMs = 6500;
pitfall("a client may wait longer than five seconds between two polls [C59] [P29] [P54]", {
  naive: /the end \(\w+\) where nothing was expected/,
  async check({ port }) {
    const client = await connectRaw(port);
    client.write(getRequest("/probe"));
    await client.readResponse();
    await client.expectNothing(pauseMs);
    client.write(getRequest("/probe"));
    assert.equal((await client.readResponse()).text, "probe");
  },
});
