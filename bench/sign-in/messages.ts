/** What the measuring process and a contender's process say to each other. */
import * as z from "zod";

export const orderSchema = z.discriminatedUnion("do", [
  z.object({ do: z.literal("sign-up"), from: z.number(), to: z.number() }),
  z.object({ do: z.literal("round"), clients: z.number(), seconds: z.number() }),
]);
export type Order = z.infer<typeof orderSchema>;

export const roundSchema = z.object({
  answered: z.number(),
  perSecond: z.number(),
  latenciesMs: z.array(z.number()),
});
export type Round = z.infer<typeof roundSchema>;

export const reportSchema = z.union([z.object({ done: z.unknown() }), z.object({ failed: z.string() })]);
