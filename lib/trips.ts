/** Counts a request's round trips by port: what a call costs is asserted in tests and stands in the log line. */
import type { Port } from "./errors.ts";

export type Trips = {
  readonly counts: Readonly<Partial<Record<Port, number>>>;
  count(port: Port): void;
};

export function createTrips(): Trips {
  const counts: Partial<Record<Port, number>> = {};
  return { counts, count: (port) => void (counts[port] = (counts[port] ?? 0) + 1) };
}
