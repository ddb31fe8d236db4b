/** What a message counts beside its own bytes, as the server's do. */
export const messageOverheadBytes: number = 64;
/** PROTOCOL.md, Acknowledge: after so many bytes, or as many as 64 messages of none are counted to have, or so much time. */
export const ackBytes: number = 32 * 1024;
export const ackMessageBytes: number = ackBytes / 64;
export const ackDelayMs: number = 1000;
/** RFC 3629 §3: a UTF-16 unit takes up to three bytes. To count them would cost more than an ack that comes early. */
export const mostBytesPerUnit: number = 3;
