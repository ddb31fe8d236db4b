/** How secrets are made and compared, which differs between platforms. */
export type SecretTools<Hash> = {
  /** 256 random bits. */
  readonly create: () => string;
  /** SHA-256: a secret of 256 bits needs no salt and no slow hash. */
  readonly hash: (secret: string) => Hash;
  /** Takes as long for hashes that differ as for those that do not. */
  readonly isEqual: (one: Hash, other: Hash) => boolean;
};

/**
 * The right to resume one session: a secret that changes at each attach, and of which only a hash is kept.
 *
 * The answer that brings a new secret may be lost. So the one before is good, too, until the client has used the new
 * one; an older one is not.
 */
export class ResumeSecret<Hash> {
  readonly #tools: SecretTools<Hash>;
  #present: Hash | undefined;
  #previous: Hash | undefined;

  constructor(tools: SecretTools<Hash>) {
    this.#tools = tools;
  }

  /** Whether this is a good secret. The present one, once used, is the only one. */
  check(secret: string): boolean {
    const hash = this.#tools.hash(secret);
    const isPresent = this.#matches(hash, this.#present);
    if (isPresent) this.#previous = undefined;
    return isPresent || this.#matches(hash, this.#previous);
  }

  /** A new secret. The one that the client used last stays good. */
  rotate(): string {
    const secret = this.#tools.create();
    this.#previous ??= this.#present;
    this.#present = this.#tools.hash(secret);
    return secret;
  }

  #matches(hash: Hash, known: Hash | undefined): boolean {
    return known !== undefined && this.#tools.isEqual(hash, known);
  }
}
