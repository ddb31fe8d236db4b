/** Told once that a channel is closed, before its close handler: stores and registries, which must forget it. */
export type DepartureListener = {
  departed(): void;
  /** What it is found by: a channel has one listener for each key. Its own self unless it says otherwise. */
  readonly key?: object;
};

/** Those of one channel, in the order in which they came. */
export type DepartureListeners = DepartureListener[] | Map<object, DepartureListener>;

/**
 * Nearly all channels have one or two listeners, for which a list takes a fraction of the memory of a map and is as fast.
 * Beyond this a map, for the channel that is in thousands of groups: it would look through all of them to leave one.
 */
const mostInList = 16;

/** @returns the listeners with one more, to be kept in place of those given */
export function withListener(
  listeners: DepartureListeners | undefined,
  listener: DepartureListener,
): DepartureListeners {
  if (listeners === undefined) return [listener];
  if (listeners instanceof Map) return listeners.set(keyOf(listener), listener);
  listeners.push(listener);
  return listeners.length <= mostInList ? listeners : new Map(listeners.map((each) => [keyOf(each), each]));
}

export function removeListener(listeners: DepartureListeners | undefined, listener: DepartureListener): void {
  if (listeners instanceof Map) listeners.delete(keyOf(listener));
  else {
    const index = listeners?.indexOf(listener) ?? -1;
    if (index !== -1) listeners?.splice(index, 1);
  }
}

export function findListener(listeners: DepartureListeners | undefined, key: object): DepartureListener | undefined {
  if (listeners instanceof Map) return listeners.get(key);
  for (const listener of listeners ?? []) if (keyOf(listener) === key) return listener;
  return undefined;
}

/** @returns whether so many of them count; they are looked at only where there are enough */
export function hasListeners(
  listeners: DepartureListeners | undefined,
  count: number,
  counts: (listener: DepartureListener) => boolean,
): boolean {
  if (listeners === undefined || (listeners instanceof Map ? listeners.size : listeners.length) < count) return false;
  let counted = 0;
  for (const listener of listeners.values()) if (counts(listener)) counted += 1;
  return counted >= count;
}

function keyOf(listener: DepartureListener): object {
  return listener.key ?? listener;
}
