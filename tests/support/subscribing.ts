/** Accounts with a tier: straight into the books, where the way there is not what is tested. */
import type { TestDatabase } from "./database.ts";

/** A month of it, as Stripe would have it. */
export async function giveTier(
  database: Pick<TestDatabase, "rows">,
  accountId: string,
  tier: string,
): Promise<void> {
  await database.rows(
    `insert into subscriptions (id, account_id, livemode, ticket, read_at, status, tier, period, period_start, period_end,
       started_at, paused)
     values ('sub_given_' || $1, $1, false, 0, now(), 'active', $2, 'month', now() - interval '1 day', now() + interval '29 days',
       now() - interval '1 day', false)`,
    [accountId, tier],
  );
}
