import type { Finding } from "./finding.ts";
import type { Reply } from "./post.ts";
import { plain } from "./target.ts";

/** PROTOCOL.md, HTTP: no answer may be kept, changed, or sent to another request. */
const wanted = ["no-store", "no-transform"];

/** What became of the head of a stream on its way. */
export function checkStreamHead(reply: Reply): readonly Finding[] {
  return [encoding(reply), cache(reply), framing(reply)];
}

function encoding({ headers }: Reply): Finding {
  const coding = headers["content-encoding"];
  const check = "stream-encoding";
  if (coding === undefined) return { check, verdict: "ok", seen: "not compressed on the way" };
  return {
    check,
    verdict: "WARN",
    seen: `compressed on the way: Content-Encoding ${plain(coding)}`,
    remedy: "compression",
  };
}

function cache({ headers }: Reply): Finding {
  const check = "stream-cache";
  const given = headers["cache-control"];
  const directives = (given ?? "").split(",").map((each) => each.trim().toLowerCase());
  const seen = `Cache-Control ${given === undefined ? "is missing" : plain(given)}`;
  const isKept = wanted.every((each) => directives.includes(each)) && directives.length === wanted.length;
  if (isKept) return { check, verdict: "ok", seen };
  const mayBeStored = !directives.includes("no-store");
  return { check, verdict: mayBeStored ? "FAIL" : "WARN", seen: `${seen}, changed on the way`, remedy: "caching" };
}

function framing({ headers, httpVersion }: Reply): Finding {
  const check = "stream-framing";
  const length = headers["content-length"];
  if (length !== undefined) {
    return {
      check,
      verdict: "FAIL",
      seen: `Content-Length ${plain(length)}: read whole on the way`,
      remedy: "buffering",
    };
  }
  if (headers["transfer-encoding"] === "chunked") return { check, verdict: "ok", seen: "Transfer-Encoding chunked" };
  const seen = `HTTP/${httpVersion} without Transfer-Encoding: it ends with the connection`;
  return { check, verdict: "WARN", seen, remedy: "framing" };
}
