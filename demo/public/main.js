// oxlint-disable-next-line import/no-absolute-path -- an address of the server, and no file of this folder
import { connect } from "/client.min.js";
import { Carrier } from "./carrier.js";
import { Counts } from "./count.js";
import { pickName } from "./names.js";
import { readServerMessage } from "./protocol.js";
import { Switches } from "./switches.js";
import { Talk } from "./talk.js";

const pulseMs = 500;
/** Far less than the channel takes: half an hour of pulses. */
const mostWaitingBytes = 500_000;

const me = pickName();
const carrier = new Carrier();
const counts = new Counts();
const switches = new Switches({
  change: (name, isOn) => send({ type: "switch", name, isOn }),
  cut: () => send({ type: "cut" }),
});
const talk = new Talk(me, (text) => send({ type: "say", text }));

// Who watches does not want to wait as long as a server with many clients would let them.
const options = { attachTimeoutMs: 3_000, climbDelayMs: 1_000, downgradeMs: 4_000, maxReconnectDelayMs: 1_000 };
const channel = connect(`/live?name=${encodeURIComponent(me)}`, options);

channel.onStatus((status) => {
  if (status.state === "open" && !status.resumed) counts.startAnew();
  carrier.show(status);
  carrier.tell(channel.explain());
});

channel.onReceive((message) => {
  const { number, got, event } = readServerMessage(message);
  counts.take(number, got);
  if (event.type === "people") talk.meet(event.people);
  else if (event.type === "said") talk.hear(event.from, event.text);
  else if (event.type === "network") switches.show(event.state, event.by);
  else if (event.type === "refused") switches.say(event.reason);
});

const timer = setInterval(() => {
  send({ type: "pulse" });
  carrier.tell(channel.explain());
}, pulseMs);
channel.onClose(() => clearInterval(timer));
// Else the others would see it here until its session has run out. A page that is kept may come back.
addEventListener("pagehide", ({ persisted }) => persisted || channel.close());

/**
 * @param {{ type: string } & Record<string, unknown>} message
 * @returns {boolean} false: so much waits already that there is no room
 */
function send(message) {
  // Nothing may be numbered that is not taken.
  if (!channel.isOpen || channel.bufferedAmount > mostWaitingBytes) return false;
  return channel.send(JSON.stringify({ number: counts.next(), ...message }));
}
