/** Refusals of an order by a limit of the operator's or by its promotion code, the same in a quote and in a checkout. */
import { printCents } from "../money.ts";
import type { DiscountOutcome } from "../purchase/promotion.ts";
import { limitWords, type LimitLeft } from "../purchase/spending-limits.ts";
import { problem, type Problem } from "./problem.ts";

type NoDiscount = Exclude<DiscountOutcome, { kind: "granted" }>;

/** Always of the field promotionCode, typed here or held by a quote. */
export function promotionProblem(refused: NoDiscount): Problem<NoDiscount["kind"]> {
  return problem(refused.kind, { field: "promotionCode", ...detailOf(refused) });
}

function detailOf(refused: NoDiscount): { readonly detail?: string } {
  if (refused.kind === "promotion_below_minimum" && refused.minimumCents !== null)
    return {
      detail: `It is for orders of ${printCents(refused.minimumCents)} or more. Choose more, or go on without it.`,
    };
  if (refused.kind === "promotion_leaves_too_little")
    return {
      detail: `It would leave ${printCents(refused.netCents)} to pay, less than can be charged. Choose more, or go on without it.`,
    };
  return {};
}

/** With the members `limit`, `leftCents` and `resetsAt` beside the words. */
export function limitProblem(left: LimitLeft): Problem<"limit_reached"> {
  return problem("limit_reached", { detail: limitWords(left), more: limitMembers(left) });
}

export function limitMembers({ limit, leftCents, resetsAt }: LimitLeft) {
  return { limit, leftCents: Number(leftCents), resetsAt };
}
