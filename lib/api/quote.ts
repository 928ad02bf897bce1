/** `quote`: what an order costs and gives now, promised for a quarter of an hour. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { oneOrder, orderShape } from "./order.ts";
import { centsWire, millisWire, rateNowWire, timeWire } from "./wire.ts";

export const quoteApi = declare({
  name: "quote",
  summary: "A price that holds",
  routes: {
    POST: {
      summary: "What an order costs and gives now; create-checkout charges just that until expiresAt, once",
      auth: "session",
      body: z.strictObject(orderShape).transform(({ pack, amountCents, deliverTo }, context) => {
        const order = oneOrder({ pack, amountCents }, context, "give either pack or amountCents");
        return { order, deliverTo: deliverTo ?? ("venice" as const) };
      }),
      answers: {
        200: z.strictObject({
          quote: z.string().meta({ description: "Give it to create-checkout as it is." }),
          citizen: z.string(),
          deliverTo: z.enum(["venice", "wallet"]),
          amountCents: centsWire,
          baseMillis: millisWire,
          bonusMillis: millisWire,
          totalMillis: millisWire,
          debtMillis: millisWire.meta({ description: "What you owe; the purchase repays it first." }),
          rate: rateNowWire,
          expiresAt: timeWire,
          expiresInSeconds: z.int().meta({ description: "The same, for a clock that may be wrong." }),
        }),
      },
      problems: ["unauthenticated"],
      whenAway: "Refuses with 503 when the database is away; asks no other service.",
    },
  },
});
