/** Whether a value is what `{}` makes, or an object without a prototype: not a list, a `Map`, or of any other class. */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
