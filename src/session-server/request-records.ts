import { type Fault, faultOf } from "../protocol/control-codec.ts";
import type { IncomingMessage } from "node:http";
import { mostRecordsPerRequest } from "../channel/limits.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import { decodeCredentials, type SessionCredentials, sessionField } from "../protocol/http-fields.ts";
import { RecordDecoder, type SessionRecord } from "../protocol/record-codec.ts";
import type { Numbered } from "../session/attachment.ts";

/** What one request says: its first record, and the messages behind it. */
export type RequestRecords = {
  readonly head: Extract<ControlRecord, { type: "attach" | "poll" | "send" }>;
  readonly messages: readonly Numbered[];
};

/** A request as it came, with its body where those that read it whole have put it. */
export type WholeMessage = IncomingMessage & { readonly rawBody?: Buffer };

const noBytes: Buffer = Buffer.alloc(0);

/** Reads the body of a request of the session protocol. */
export function readRecords(
  { headers, rawBody = noBytes }: WholeMessage,
  maxMessageBytes: number,
): RequestRecords | Fault {
  if (headers["content-encoding"] !== undefined) return faultOf("a body may not have a Content-Encoding");
  // A proxy may have added a parameter, or written it in another case (RFC 9110 §8.3.1).
  const [type = ""] = (headers["content-type"] ?? "").split(";");
  if (type.trim().toLowerCase() !== "application/octet-stream")
    return faultOf("a body must be application/octet-stream");
  const records: SessionRecord[] = [];
  const decoder = new RecordDecoder(maxMessageBytes, (record) => records.push(record), mostRecordsPerRequest);
  const fault = decoder.push(rawBody);
  if (fault !== undefined) return fault;
  if (!decoder.isBetweenRecords) return faultOf("a body must hold whole records");
  const [head, ...messages] = records;
  if (!isHead(head)) return faultOf("a body must begin with attach, poll or send");
  const isInOrder = messages.every((record, index) => isNumbered(record, index === messages.length - 1));
  if (!isInOrder || (head.type !== "send" && messages.length > 0)) {
    return faultOf("only messages, and at last close, may come behind send, and nothing behind any other record");
  }
  return { head, messages: messages as Numbered[] };
}

/** The session that a request names. Undefined: none, or none that could be. */
export function credentialsOf({ headers }: IncomingMessage): SessionCredentials | undefined {
  const field = headers[sessionField];
  return typeof field === "string" ? decodeCredentials(field) : undefined;
}

function isHead(record: SessionRecord | undefined): record is RequestRecords["head"] {
  if (typeof record !== "object" || !("type" in record)) return false;
  return record.type === "attach" || record.type === "poll" || record.type === "send";
}

function isNumbered(record: SessionRecord, isLast: boolean): boolean {
  if (typeof record !== "object" || !("type" in record)) return true;
  return record.type === "close" && isLast;
}
