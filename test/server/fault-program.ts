/** A server of its own, so that a test can read what it writes to standard error. */
import { serve } from "../../src/index.ts";

const onError = (): never => {
  throw new Error("the listener fails");
};
const server = await serve(
  () => {
    throw new Error("secret-message");
  },
  { port: 0, ...(process.argv[2] === "throwing-listener" ? { onError } : {}) },
);
process.stdout.write(`port ${server.port}\n`);
