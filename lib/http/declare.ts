/** One declaration per function: its routes, who may call, what comes in, what goes out, how it refuses. */
import type * as z from "zod";
import type { ProblemCode } from "./problem.ts";

export type Auth = "none" | "session" | "session_or_key";
export type Method = "GET" | "POST" | "DELETE";
/** `"POST"`, or with a path behind the function's name: `"DELETE /{id}"`. */
export type RouteKey = Method | `${Method} /{${string}}`;

export type Route = {
  readonly summary: string;
  readonly auth: Auth;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** Needs an Idempotency-Key header, the client's own and the same for each retry; a plain form gets one by its minute. */
  readonly idempotencyKey?: true;
  /** Also takes an HTML form and answers it with 303: the pages work without JavaScript. */
  readonly form?: true;
  /** The body as it came, unparsed: what was signed is what is checked. */
  readonly raw?: true;
  /** Answers by status; null is an answer without a body. */
  readonly answers: Readonly<Record<number, z.ZodType | null>>;
  readonly problems: readonly ProblemCode[];
  readonly maxBytes?: number;
  /** What it does when a service is away, in a sentence: part of the contract. */
  readonly whenAway: string;
};

export type Declaration = {
  readonly name: string;
  readonly summary: string;
  readonly routes: Readonly<Partial<Record<RouteKey, Route>>>;
  /** Set for functions that the platform calls by a schedule: not part of the public API. */
  readonly scheduled?: true;
};

export function declare<const D extends Declaration>(declaration: D): D {
  return declaration;
}

export const defaultMaxBytes = 64 * 1024;
