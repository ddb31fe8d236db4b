/** Text, or bytes. Bytes are not copied: do not change them after they were sent. */
export type Message = string | Uint8Array;
