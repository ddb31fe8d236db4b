import assert from "node:assert/strict";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { describe, it } from "node:test";
import { ResumeSecret } from "../../src/session/resume-secret.ts";

const tools = {
  create: () => randomBytes(32).toString("base64url"),
  hash: (secret: string) => createHash("sha256").update(secret).digest(),
  isEqual: (one: Buffer, other: Buffer) => timingSafeEqual(one, other),
};

describe("the secret of a session", () => {
  it("is none before it is made", () => {
    const secret = new ResumeSecret(tools);
    assert.equal(secret.check(""), false);
    assert.equal(secret.check("undefined"), false);
  });

  it("stays good until the next one is used: the answer that brought that may be lost", () => {
    const secret = new ResumeSecret(tools);
    const first = secret.rotate();
    assert.ok(secret.check(first));
    const second = secret.rotate();
    assert.ok(secret.check(first));
    assert.ok(secret.check(second));
    assert.equal(secret.check(first), false);
    assert.ok(secret.check(second));
  });

  it("stays good however many answers are lost, and those of lost answers are not", () => {
    const secret = new ResumeSecret(tools);
    const used = secret.rotate();
    assert.ok(secret.check(used));
    const lost = secret.rotate();
    assert.ok(secret.check(used));
    const latest = secret.rotate();
    assert.ok(secret.check(used));
    assert.equal(secret.check(lost), false);
    assert.ok(secret.check(latest));
    assert.equal(secret.check(used), false);
  });
});
