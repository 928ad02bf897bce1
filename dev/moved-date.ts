/** A `Date` whose present is moved; each moment it is given stays what it is. */
export function movedDate(real: DateConstructor, byMs: number): DateConstructor {
  const now = (): number => real.now() + byMs;
  return new Proxy(real, {
    get: (target, key): unknown => (key === "now" ? now : Reflect.get(target, key)),
    construct(target, args: number[], made: DateConstructor) {
      return Reflect.construct<number[], Date>(target, args.length === 0 ? [now()] : args, made);
    },
    apply: () => new real(now()).toString(),
  });
}
