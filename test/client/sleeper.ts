import { connect } from "../../src/client.ts";

// Tells when its channel is carried by another transport.
const [, , url = ""] = process.argv;
const channel = connect(url, { transports: ["http-streaming"] });
channel.onStatus((status) => {
  if (status.state === "open") process.stdout.write(status.resumed ? "resumed" : "open");
});
