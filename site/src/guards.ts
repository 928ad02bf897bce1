/** Small checks of what the API answered, so that pages work with known shapes only. */

export type Guard<T> = (value: unknown) => value is T;
export type Guarded<G> = G extends Guard<infer T> ? T : never;

export const text: Guard<string> = (value): value is string => typeof value === "string";

/** Millis, cents and rates come as integers that a number holds exactly. */
export const integer: Guard<number> = (value): value is number => Number.isSafeInteger(value);

export const boolean: Guard<boolean> = (value): value is boolean => typeof value === "boolean";

/** Whatever it is: its reader looks for himself. */
export const unknown: Guard<unknown> = (value): value is unknown => value !== undefined;

export function oneOf<const T extends string>(...known: readonly T[]): Guard<T> {
  return (value): value is T => known.some((each) => each === value);
}

export function nullable<T>(guard: Guard<T>): Guard<T | null> {
  return (value): value is T | null => value === null || guard(value);
}

export function optional<T>(guard: Guard<T>): Guard<T | undefined> {
  return (value): value is T | undefined => value === undefined || guard(value);
}

export function list<T>(guard: Guard<T>): Guard<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every(guard);
}

/** Fields that are not named are left alone: the API may grow. */
export function record<T extends object>(shape: { readonly [Key in keyof T]: Guard<T[Key]> }): Guard<T> {
  return (value): value is T => {
    if (typeof value !== "object" || value === null) return false;
    for (const key in shape) {
      const field: unknown = Reflect.get(value, key);
      if (!shape[key](field)) return false;
    }
    return true;
  };
}
