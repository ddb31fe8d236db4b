import { pickName } from "./names.js";
import { find, Pane } from "./pane.js";
import { openPolls } from "./poll.js";
import { post } from "./post.js";
import { messageOf } from "./protocol.js";
import { openStream } from "./stream.js";
import { openWebSocket } from "./websocket.js";

/** @type {readonly [import("./protocol.js").Kind, import("./protocol.js").OpenConnection][]} */
const transports = [
  ["websocket", openWebSocket],
  ["http-streaming", openStream],
  ["long-polling", openPolls],
];

const template = find(document, "#pane-body", HTMLTemplateElement);
for (const [kind, open] of transports) {
  const section = find(document, `.pane[data-kind="${kind}"]`, HTMLElement);
  section.append(template.content.cloneNode(true));
  // oxlint-disable-next-line no-new -- the pane lives on in the listeners of its elements
  new Pane(section, { name: pickName(), kind }, open);
}

const button = find(document, "#close-all", HTMLButtonElement);
const notice = find(document, "#close-notice", HTMLElement);
button.addEventListener("click", () => {
  notice.textContent = "";
  post("/close", {}, () => undefined).catch((/** @type {unknown} */ error) => {
    notice.textContent = `Not closed: ${messageOf(error)}`;
  });
});
