/** `packs`: what can be bought today, and at what price. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { centsWire, millisWire, rateNowWire } from "./wire.ts";

export const packsApi = declare({
  name: "packs",
  summary: "What can be bought",
  routes: {
    GET: {
      summary: "Packs, the bounds of a custom amount, today's rate and the tiers",
      auth: "none",
      answers: {
        200: z.strictObject({
          rate: rateNowWire,
          packs: z.array(
            z.strictObject({
              id: z.string(),
              name: z.string(),
              usdCents: centsWire,
              baseMillis: millisWire,
              bonusMillis: millisWire,
              totalMillis: millisWire,
            }),
          ),
          custom: z.strictObject({ minCents: centsWire, maxCents: centsWire }),
          tiers: z.array(
            z.strictObject({
              id: z.string(),
              name: z.string(),
              usdCentsPerMonth: centsWire,
              usdCentsPerYear: centsWire.meta({ description: "What a year costs when it is paid at once." }),
              requestsPerMinute: z.int(),
              apiKeys: z.int(),
              millisPerUnit: millisWire,
              grantMillisPerMonth: millisWire.meta({ description: "Ducats that each paid month grants." }),
              available: z.boolean().meta({ description: "Whether accounts can have this tier." }),
            }),
          ),
        }),
      },
      problems: [],
      whenAway: "Refuses with 503 when the database is away; asks no other service.",
    },
  },
});
