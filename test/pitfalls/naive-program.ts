/** The naive port in a process of its own, for faults that end the process. */
import { createApplication } from "./application.ts";
import { serve, withChannel } from "./naive-port.ts";

const server = await serve(createApplication(withChannel), { port: 0 });
process.stdout.write(`port ${server.port}\n`);
