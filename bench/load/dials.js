// @ts-check
/** What a client writes to each peer: how it opens a connection, and the bytes of one message. */

import { constants, deflateRawSync } from "node:zlib";

/**
 * `steps`: what is written, and the text that must come back before the next step. `message`: what is sent again and
 * again, one reply each. Every reply ends with the marker, once; where it is compressed, each text frame is a reply.
 * Texts are bytes, one character each. `{id}` in them is the connection's own: what the reply to a step has behind its
 * `idBehind`, up to a quote, or else one that no other connection has.
 *
 * The first attach of a session has a key of its own for each connection, and who receives in a session acknowledges.
 *
 * @typedef {{ send: string, until?: string, idBehind?: string, attaches?: boolean }} Step
 * @typedef {{ steps: Step[], message: string, countsFrames: boolean, acknowledges?: boolean }} Dial
 */

/** Ends every message, and stands nowhere else in what servers send: counting it is counting messages. */
export const marker = "|";

/** @param {number} bytes */
export function text(bytes) {
  return "m".repeat(bytes - 1) + marker;
}

/** Text as applications send it: how well it is compressed is a part of the question. @param {number} bytes */
export function json(bytes) {
  let rows = "";
  for (let id = 1; rows.length < bytes; id++) {
    rows += JSON.stringify({
      id,
      name: `user-${(id * 7919) % 10_007}`,
      price: (id * 104_729) % 9973,
      active: id % 3 > 0,
    });
  }
  return rows.slice(0, bytes);
}

/**
 * @param {string} row whose protocol is spoken
 * @param {string} path `echo`, `group`, `stream`, `poll` or `answer`
 * @param {number} bytes of a message
 * @param {boolean} compress
 * @returns {Dial}
 */
export function dial(row, path, bytes, compress = false) {
  return { ...(compress ? compressedDial : plainDial)(row, path, bytes), countsFrames: compress };
}

/**
 * @param {string} row
 * @param {string} path
 * @param {number} bytes
 */
function compressedDial(row, path, bytes) {
  if (row !== "socket.io") {
    return { steps: [{ send: upgrade(path, true), until: "\r\n\r\n" }], message: compressedFrame(json(bytes)) };
  }
  const steps = [
    // Its first packets are compressed, too: all that can be told is that they begin.
    { send: upgrade(`socket.io/?EIO=4&transport=websocket&path=${path}`, true), until: "\r\n\r\n\xc1" },
    { send: frame("40"), until: "\xc1" },
  ];
  return { steps, message: compressedFrame(`42${JSON.stringify(["m", json(bytes)])}`) };
}

/**
 * @param {string} row
 * @param {string} path
 * @param {number} bytes
 */
function plainDial(row, path, bytes) {
  if (row === "sockjs" && path !== "echo" && path !== "group") return sockJsOverHttp(path);
  if (row === "socket.io" && path === "poll") return socketIoPolls();
  const request = `GET /${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  if (path === "answer") return { steps: [], message: request };
  if (path === "poll") return { steps: [{ send: request }], message: request };
  if (path === "stream") return { steps: [{ send: request, until: "\r\n\r\n" }], message: "" };
  if (row === "socket.io") {
    return {
      steps: [
        { send: upgrade(`socket.io/?EIO=4&transport=websocket&path=${path}`), until: '"maxPayload"' },
        { send: frame("40"), until: '40{"sid"' },
      ],
      message: frame(`42["m","${text(bytes)}"]`),
    };
  }
  if (row === "sockjs") {
    const steps = [{ send: upgrade("sockjs/000/session/websocket"), until: "\x81\x01o" }];
    return { steps, message: frame(JSON.stringify([text(bytes)])) };
  }
  if (row === "session") {
    const steps = [
      { send: upgrade(path, false, "channelkit.1"), until: "\r\n\r\n" },
      { send: "", until: '"maxMessageBytes"', attaches: true },
    ];
    return { steps, message: frame(text(bytes)), acknowledges: true };
  }
  return { steps: [{ send: upgrade(path), until: "\r\n\r\n" }], message: frame(text(bytes)) };
}

/** @param {string} path `stream` or `poll` */
function sockJsOverHttp(path) {
  const request = (/** @type {string} */ transport) =>
    `POST /sockjs/000/{id}/${transport} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`;
  if (path === "stream") return { steps: [{ send: request("xhr_streaming"), until: "o\n" }], message: "" };
  return { steps: [{ send: request("xhr"), until: "o\n" }, { send: request("xhr") }], message: request("xhr") };
}

function socketIoPolls() {
  const target = "/socket.io/?EIO=4&transport=polling";
  const poll = `GET ${target}&sid={id} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  return {
    steps: [
      {
        send: `GET ${target}&path=group HTTP/1.1\r\nHost: localhost\r\n\r\n`,
        until: '"maxPayload"',
        idBehind: '"sid":"',
      },
      {
        send:
          `POST ${target}&sid={id} HTTP/1.1\r\nHost: localhost\r\n` +
          "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: 2\r\n\r\n40",
        until: "\r\n\r\nok",
      },
      { send: poll, until: '40{"sid"' },
      { send: poll },
    ],
    message: poll,
  };
}

/** A control record of the session protocol, as frames. @param {object} record */
export function control(record) {
  return frame("", 0x82) + frame(JSON.stringify(record));
}

/**
 * @param {string} path
 * @param {boolean} compress
 * @param {string} [protocol]
 */
function upgrade(path, compress = false, protocol) {
  return (
    `GET /${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" +
    (protocol === undefined ? "" : `Sec-WebSocket-Protocol: ${protocol}\r\n`) +
    // As Chromium and Firefox offer it.
    `${compress ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" : ""}\r\n`
  );
}

/** A text frame with a compressed message, which refers to none before: so it may be sent again. @param {string} payload */
function compressedFrame(payload) {
  const deflated = deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  return frame(deflated.toString("latin1"), 0xc1);
}

/**
 * A text frame of a client. The mask is not zero, which some parsers would skip.
 *
 * @param {string} payload
 * @param {number} firstByte
 */
function frame(payload, firstByte = 0x81) {
  const { length } = payload;
  const mask = Buffer.from([1, 2, 3, 4]);
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  header[0] = firstByte;
  header[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (header.length === 4) header.writeUInt16BE(length, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
  const masked = Buffer.from(payload, "latin1").map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([header, mask, masked]).toString("latin1");
}
