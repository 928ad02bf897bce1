/** An order as it comes in: a pack or a custom amount, and where the ducats go. */
import * as z from "zod";
import { customBounds, packIds, type PackId } from "../catalog/packs.ts";
import { cents, type Cents } from "../money.ts";

const dollars = (amount: bigint): string => `$${(amount / 100n).toLocaleString("en-US")}`;

export const orderShape = {
  pack: z.enum(packIds).optional(),
  amountCents: z
    .int("must be a whole number of cents")
    .min(
      Number(customBounds.min),
      `must be at least ${dollars(customBounds.min)} (${customBounds.min} cents)`,
    )
    .max(Number(customBounds.max), `must be at most ${dollars(customBounds.max)} (${customBounds.max} cents)`)
    .transform((value) => cents(BigInt(value)))
    .optional(),
  deliverTo: z.enum(["venice", "wallet"]).optional().meta({ description: "venice when left out." }),
  promotionCode: z
    .string()
    .trim()
    .min(1, "must not be empty")
    .max(40, "must have at most 40 characters")
    .regex(/^[\w-]*$/, "must be letters, digits and dashes")
    .optional()
    .meta({ description: "As it was given to you, in capital letters or not." }),
};

type Given = { readonly pack?: PackId | undefined; readonly amountCents?: Cents | undefined };

/** Refusals by the promotion code. */
export const promotionProblems = [
  "promotion_unknown",
  "promotion_expired",
  "promotion_used_up",
  "promotion_first_purchase_only",
  "promotion_below_minimum",
  "promotion_not_usable",
  "promotion_leaves_too_little",
] as const;

/** The one that was given; both or neither is a fault of `pack`. */
export function oneOrder({ pack, amountCents }: Given, context: z.RefinementCtx, fault: string) {
  if (pack !== undefined && amountCents === undefined) return { pack };
  if (amountCents !== undefined && pack === undefined) return { amountCents };
  context.addIssue({ code: "custom", path: ["pack"], message: fault });
  return z.NEVER;
}
