import { continuation, text } from "../../support/frames.ts";
import type { FrameCase, Section } from "../frame-case.ts";

const more = { fin: false };
const greek = "κόσμε";

const valid: readonly (readonly [what: string, hex: string])[] = [
  ["an empty text", ""],
  ["text of two-byte characters", Buffer.from(greek).toString("hex")],
  ["text of one to four bytes a character", Buffer.from("Hello-µ@ßöäüàá-UTF-8!! 漢字 🎈").toString("hex")],
  ["U+0000", "00"],
  ["U+007F", "7f"],
  ["U+0080, the first of two bytes", "c280"],
  ["U+07FF, the last of two bytes", "dfbf"],
  ["U+0800, the first of three bytes", "e0a080"],
  ["U+D7FF, the last before the surrogates", "ed9fbf"],
  ["U+E000, the first behind the surrogates", "ee8080"],
  ["U+FFFD", "efbfbd"],
  ["U+FFFE", "efbfbe"],
  ["U+FFFF, the last of three bytes", "efbfbf"],
  ["U+FEFF, which is not taken for a byte order mark", "efbbbf"],
  ["U+10000, the first of four bytes", "f0908080"],
  ["U+1FFFE", "f09fbfbe"],
  ["U+1FFFF", "f09fbfbf"],
  ["U+FFFFF", "f3bfbfbf"],
  ["U+100000", "f4808080"],
  ["U+10FFFF, the last of all", "f48fbfbf"],
];

const kosme = Buffer.from(greek);
/** Each cut inside a character. */
const prefixes = [1, 3, 5, 7, 9].map((size) => [
  `the first ${size} bytes of Greek text`,
  kosme.toString("hex", 0, size),
]) as [string, string][];

const invalid: readonly (readonly [what: string, hex: string])[] = [
  ...prefixes,
  ["a first byte followed by ASCII", "c328"],
  ["Greek text, a surrogate, ASCII", `${kosme.toString("hex")}eda080656469746564`],
  ["U+110000, beyond the last", "f4908080"],
  ["four bytes that begin with F5", "f5808080"],
  ["four bytes that begin with F7", "f7bfbfbf"],
  ["five bytes", "f888808080"],
  ["the largest of five bytes", "fbbfbfbfbf"],
  ["six bytes", "fc8480808080"],
  ["the largest of six bytes", "fdbfbfbfbfbf"],
  ["a continuation byte alone, 80", "80"],
  ["a continuation byte alone, BF", "bf"],
  ["two continuation bytes", "80bf"],
  ["three continuation bytes", "80bf80"],
  ["six continuation bytes", "80bf80bf80bf"],
  ["all continuation bytes", Buffer.from(Array.from({ length: 64 }, (_, index) => 0x80 + index)).toString("hex")],
  ["first bytes of two, each with a space behind", spaced(0xc0, 0xdf)],
  ["first bytes of three, each with a space behind", spaced(0xe0, 0xef)],
  ["first bytes of four, each with a space behind", spaced(0xf0, 0xf7)],
  ["first bytes of five, each with a space behind", spaced(0xf8, 0xfb)],
  ["first bytes of six, each with a space behind", spaced(0xfc, 0xfd)],
  ["two bytes without the last", "c2"],
  ["three bytes without the last", "e0a0"],
  ["three bytes without the last two", "e2"],
  ["four bytes without the last", "f09f8e"],
  ["four bytes without the last two", "f09f"],
  ["four bytes without the last three", "f0"],
  ["incomplete sequences in a row", "c2e0a0f09f8ee0a0"],
  ["text with an incomplete sequence at its end", "48656c6c6fe282"],
  ["FE", "fe"],
  ["FF", "ff"],
  ["FE FE FF FF", "fefeffff"],
  ["a slash in two bytes", "c0af"],
  ["a slash in three bytes", "e080af"],
  ["a slash in four bytes", "f08080af"],
  ["a slash in five bytes", "f8808080af"],
  ["a slash in six bytes", "fc80808080af"],
  ["U+007F in two bytes", "c1bf"],
  ["U+07FF in three bytes", "e09fbf"],
  ["U+FFFF in four bytes", "f08fbfbf"],
  ["U+1FFFFF in five bytes", "f887bfbfbf"],
  ["U+3FFFFFF in six bytes", "fc83bfbfbfbf"],
  ["NUL in two bytes", "c080"],
  ["NUL in three bytes", "e08080"],
  ["NUL in four bytes", "f0808080"],
  ["NUL in five bytes", "f880808080"],
  ["NUL in six bytes", "fc8080808080"],
  ...["eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf"].map(
    (hex) => [`the surrogate ${hex}`, hex] as const,
  ),
  ...["eda080edb080", "eda080edbfbf", "edadbfedb080", "edadbfedbfbf", "edafbfedb080", "edafbfedbfbf"].map(
    (hex) => [`the surrogate pair ${hex}`, hex] as const,
  ),
];

function spaced(first: number, last: number): string {
  const starts = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return Buffer.from(starts.flatMap((byte) => [byte, 0x20])).toString("hex");
}

/** One fragment for each byte, so that no fragment holds a whole character. */
function byteFragments(payload: Buffer): Buffer[] {
  const parts = [...payload].map((byte) => Buffer.of(byte));
  return [text("", more), ...parts.map((part) => continuation(part, more)), continuation("")];
}

const validCases = valid.flatMap(([what, hex]): FrameCase[] => {
  const payload = Buffer.from(hex, "hex");
  const shared = { rule: "C109", messages: [payload.toString("utf8")] };
  return [
    { ...shared, name: `${what} comes back as it is`, send: [text(payload)] },
    { ...shared, name: `${what}, a fragment for each byte, comes back as it is`, send: byteFragments(payload) },
  ];
});

const invalidCases = invalid.flatMap(([what, hex]): FrameCase[] => {
  const payload = Buffer.from(hex, "hex");
  const shared = { rule: "C109", close: { code: 1007 } };
  return [
    { ...shared, name: `${what} fails with 1007`, send: [text(payload)] },
    { ...shared, name: `${what}, a fragment for each byte, fails with 1007`, send: byteFragments(payload) },
  ];
});

const placed: FrameCase[] = [
  {
    name: "a character of three bytes split 1+2 over two fragments is whole again",
    rule: "C109",
    send: [text(Buffer.of(0xe2), more), continuation(Buffer.of(0x82, 0xac))],
    messages: ["€"],
  },
  {
    name: "a character split by a fragment and a ping is whole again",
    rule: "C109",
    send: [text(Buffer.of(0xe2, 0x82), more), continuation(Buffer.of(0xac))],
    messages: ["€"],
  },
  {
    name: "bad text fails when its message is complete, not at the first bad byte, because ws checks whole messages",
    rule: "C109",
    send: [text(Buffer.of(0xff), more), continuation("x", more), continuation("y")],
    close: { code: 1007 },
  },
  {
    name: "what came before bad text is echoed, what comes behind it is not",
    rule: "C109",
    send: [Buffer.concat([text("before"), text(Buffer.of(0xff)), text("behind")])],
    messages: ["before"],
    close: { code: 1007 },
  },
];

export const utf8: Section = { title: "UTF-8", cases: [...validCases, ...invalidCases, ...placed] };
