/** Stored objects of one kind, by id, in the order they came. */

export type Collection<T extends { id: string }> = {
  get(id: string): T | undefined;
  add(object: T): T;
  remove(id: string): void;
  oldestFirst(): T[];
  newestFirst(): T[];
};

export function createCollection<T extends { id: string }>(): Collection<T> {
  const objects = new Map<string, T>();
  return {
    get: (id) => objects.get(id),
    add(object) {
      objects.set(object.id, object);
      return object;
    },
    remove: (id) => void objects.delete(id),
    oldestFirst: () => [...objects.values()],
    newestFirst: () => [...objects.values()].reverse(),
  };
}
