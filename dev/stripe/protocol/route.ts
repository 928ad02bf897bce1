/** One endpoint of the API: its address, its parameters, what it answers. */
import type { Cause, World } from "../world.ts";
import type { ParamsRule } from "./params.ts";

export type Call<P> = {
  readonly world: World;
  /** From the address; empty where it has none. */
  readonly id: string;
  readonly params: P;
  readonly cause: Cause;
};

export type Route = ParamsRule & {
  readonly verb: "GET" | "POST" | "DELETE";
  /** With at most one `:id`. */
  readonly path: string;
  /** The resource answered, alone or in a list; undefined where nothing can be expanded. */
  readonly answers: string | undefined;
  run(call: Call<Record<string, unknown>>): object;
};

/**
 * @typeParam P the SDK's type of the parameters. The protocol has checked them against that very type when `run` is
 * called, so giving them the type here is no promise of its own.
 */
export function route<P extends object>(
  definition: Omit<Route, "run"> & { run(call: Call<P>): object },
): Route {
  return { ...definition, run: (call) => definition.run(call as unknown as Call<P>) };
}
