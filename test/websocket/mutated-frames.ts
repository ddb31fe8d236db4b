import type { Random } from "../support/random.ts";
import { sections } from "./frame-cases/index.ts";

/** The bytes of the table without the long ones, as what is changed. */
const samples = sections
  .flatMap(({ cases }) => cases.map(({ send }) => Buffer.concat(send)))
  .filter(({ length }) => length > 0 && length < 1000);

/** Some samples in a row, with some bytes changed, left out or put in. */
export function mutatedFrames(random: Random): Buffer {
  const bytes = Array.from(Buffer.concat(Array.from({ length: random.int(1, 4) }, () => random.pick(samples))));
  for (let times = random.int(0, 6); times > 0; times--) {
    const index = random.int(0, bytes.length);
    const how = random.int(0, 2);
    bytes.splice(index, how === 1 ? 0 : 1, ...(how === 0 ? [] : [random.int(0, 255)]));
  }
  return Buffer.from(bytes);
}
