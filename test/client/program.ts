import { connect } from "../../src/client.ts";

// A program that is done when its channel is closed: nothing of the client keeps it alive.
const [, , url = "", kind = "http-streaming"] = process.argv;
const channel = connect(url, { transports: [kind as "http-streaming" | "long-polling"] });
channel.onReceive((message) => {
  process.stdout.write(`${String(message)}\n`);
  channel.close();
});
channel.send("hello");
