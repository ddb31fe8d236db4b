/** What is made of an object that many share, made once for each of these. */
export class Derived<Value extends object> {
  readonly #make: (original: Value) => Value;
  readonly #made = new WeakMap<Value, Value>();

  constructor(make: (original: Value) => Value) {
    this.#make = make;
  }

  of(original: Value): Value {
    const known = this.#made.get(original);
    if (known !== undefined) return known;
    const made = this.#make(original);
    this.#made.set(original, made);
    return made;
  }
}
