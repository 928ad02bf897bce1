import { packsApi } from "../../lib/api/packs.ts";
import { customBounds, packs } from "../../lib/catalog/packs.ts";
import { tierPrice, tiers } from "../../lib/catalog/tiers.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { millis } from "../../lib/money.ts";
import { packPrice } from "../../lib/purchase/quote.ts";
import { currentRate } from "../../lib/rate/current.ts";

export default endpoint(
  packsApi,
  { db },
  {
    GET: async ({ app }) => {
      const rate = await currentRate(app);
      return {
        status: 200,
        body: {
          rate,
          packs: packs.map(({ id, name, baseMillis, bonusMillis }) => ({
            ...{ id, name, baseMillis, bonusMillis },
            usdCents: packPrice(baseMillis, rate.microUsdPerDucat),
            totalMillis: millis(baseMillis + bonusMillis),
          })),
          custom: { minCents: customBounds.min, maxCents: customBounds.max },
          tiers: tiers.map((tier) => ({
            ...{ id: tier.id, name: tier.name, usdCentsPerMonth: tier.usdCentsPerMonth },
            usdCentsPerYear: tierPrice(tier, "year"),
            ...{ requestsPerMinute: tier.requestsPerMinute, apiKeys: tier.apiKeys },
            ...{ millisPerUnit: tier.millisPerUnit, grantMillisPerMonth: tier.grantMillisPerMonth },
            available: true,
          })),
        },
      };
    },
  },
);
