import assert from "node:assert/strict";
import { test } from "node:test";
import { addressBlock, isAddress } from "../../src/server/address-block.ts";

const blocks: readonly (readonly [address: string, block: string])[] = [
  ["1.2.3.4", "1.2.3.4"],
  ["1.2.3.4:80", "1.2.3.4"],
  ["[1.2.3.4]:1", "1.2.3.4"],
  ["::ffff:1.2.3.4", "1.2.3.4"],
  ["[::ffff:1.2.3.4]:80", "1.2.3.4"],
  ["::ffff:102:304", "1.2.3.4"],
  ["2001:db8:0:7::1", "2001:db8:0:7::/64"],
  ["2001:DB8::7:0:0:0:1", "2001:db8:0:7::/64"],
  ["[2001:db8:0:7:1:2:3:4]:443", "2001:db8:0:7::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
];

for (const [address, block] of blocks) {
  test(`an address written as ${address} counts for ${block} [S17]`, () => {
    assert.equal(addressBlock(address), block);
    assert.ok(isAddress(address));
  });
}

test("what is no address is none, also with a port that is none [S31]", () => {
  for (const text of ["unknown", "", "1.2.3.4:", "1.2.3.4:999999", "[1.2.3.4", "1.2.3", "_hidden"]) {
    assert.ok(!isAddress(text), text);
  }
});
