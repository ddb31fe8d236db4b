/** Runs all, some at a time: enough to be quick, few enough to be no load test. Resolves with the results in order. */
export async function fewAtATime<Item, Result>(
  items: readonly Item[],
  run: (item: Item) => Promise<Result>,
  atATime = 16,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  const work = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await run(item);
  };
  await Promise.all(Array.from({ length: atATime }, work));
  return results;
}
