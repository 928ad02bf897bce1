/** `quote`: what an order costs and gives now, promised for a quarter of an hour. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { oneOrder, orderShape, promotionProblems } from "./order.ts";
import { centsWire, millisWire, rateNowWire, timeWire } from "./wire.ts";

export const quoteApi = declare({
  name: "quote",
  summary: "A price that holds",
  routes: {
    POST: {
      summary: "What an order costs and gives now; create-checkout charges just that until expiresAt, once",
      auth: "session",
      body: z
        .strictObject(orderShape)
        .transform(({ pack, amountCents, deliverTo, promotionCode }, context) => {
          const order = oneOrder({ pack, amountCents }, context, "give either pack or amountCents");
          return { order, deliverTo: deliverTo ?? ("venice" as const), promotionCode };
        }),
      answers: {
        200: z.strictObject({
          quote: z.string().meta({ description: "Give it to create-checkout as it is." }),
          citizen: z.string(),
          deliverTo: z.enum(["venice", "wallet"]),
          amountCents: centsWire.meta({ description: "What is charged, the discount off, in US cents." }),
          discountCents: centsWire.meta({ description: "What the promotion code takes off, in US cents." }),
          baseMillis: millisWire,
          bonusMillis: millisWire,
          totalMillis: millisWire,
          debtMillis: millisWire.meta({ description: "What you owe; the purchase repays it first." }),
          limitReached: z
            .strictObject({ limit: z.string(), leftCents: z.int(), resetsAt: timeWire.nullable() })
            .nullable()
            .meta({
              description:
                "The limit that create-checkout would refuse this order by at this moment, and what it allows; a quote reserves nothing.",
            }),
          rate: rateNowWire,
          expiresAt: timeWire,
          expiresInSeconds: z.int().meta({ description: "The same, for a clock that may be wrong." }),
        }),
      },
      problems: [
        "unauthenticated",
        ...promotionProblems,
        "rate_limited",
        "limiter_unavailable",
        "payments_unavailable",
      ],
      whenAway:
        "Refuses with 503 when the database is away, and with a promotion code when Redis or Stripe is; without one it asks neither.",
    },
  },
});
