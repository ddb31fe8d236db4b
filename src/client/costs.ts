/** PROTOCOL.md, Acknowledge: after so many bytes, or as many as 64 messages of none are counted to have, or so much time. */
export const ackBytes: number = 32 * 1024;
export const ackMessageBytes: number = ackBytes / 64;
export const ackDelayMs: number = 1000;
