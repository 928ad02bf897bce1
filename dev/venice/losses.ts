/** Requests of the game's API to Airtable that fail on demand: each route makes something else of it. */
import { z } from "zod";
import { Refusal } from "../airtable/refusal.ts";

const routes = ["citizens", "citizen", "ledger", "stratagems", "patch", "try-create"] as const;
export type Route = (typeof routes)[number];

export const lossSchema = z.strictObject({
  /** Only this route's requests; any without it. */
  route: z.enum(routes).optional(),
  times: z.int().min(1).default(1),
});

export type Losses = {
  /** @throws ZodError for a loss that makes no sense. */
  plan(loss: z.input<typeof lossSchema>): void;
  clear(): void;
  planned(): readonly z.output<typeof lossSchema>[];
  /** @throws Refusal 503 when one is planned for this route. */
  strike(route: Route): void;
};

export function createLosses(): Losses {
  let losses: z.output<typeof lossSchema>[] = [];
  return {
    plan: (loss) => void losses.push(lossSchema.parse(loss)),
    clear: () => void (losses = []),
    planned: () => losses,
    strike(route) {
      const loss = losses.find((each) => each.route === undefined || each.route === route);
      if (loss === undefined) return;
      loss.times -= 1;
      losses = losses.filter((each) => each.times > 0);
      throw new Refusal(503, "SERVICE_UNAVAILABLE", "The service is temporarily unavailable.");
    },
  };
}
