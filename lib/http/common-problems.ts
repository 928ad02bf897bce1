/** Refusals that any route may give, declared nowhere else. */
import type { ProblemCode } from "./problem.ts";

export const commonProblems = [
  "method_not_allowed",
  "not_found",
  "foreign_origin",
  "internal",
  "not_configured",
  "database_unavailable",
] as const satisfies readonly ProblemCode[];
