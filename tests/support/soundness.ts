/** What must be true of deliveries and of Venice once it is quiet, whatever has happened. */
import { processor } from "./delivering.ts";
import { residents } from "./selling.ts";
import { booksBalance, type World } from "./world.ts";

export type Ended = {
  readonly deliveryId: string;
  /** Its one row in Venice; any other with its id is a copy. */
  readonly recordId: string | null;
  readonly citizen: string;
  readonly ducats: number;
  readonly status: string;
  /** A row as it was read, or that it is gone. */
  readonly hasEvidence: boolean;
  readonly isAlerted: boolean;
};

export async function endsOf(world: World): Promise<Ended[]> {
  return world.database.rows<Ended>(
    `select d.id as "deliveryId", d.record_id as "recordId", d.citizen, (d.millis / 1000)::int as ducats, d.status,
       coalesce(d.evidence ? 'row', false) as "hasEvidence",
       exists (select from alerts a where a.subject = d.id and a.closed_at is null
         and a.kind in ('delivery_uncertain', 'delivery_tampered')) as "isAlerted"
     from deliveries d order by d.id`,
  );
}

export const isOver = ({ status }: Ended) => ["executed", "rejected", "uncertain"].includes(status);

/** Decimals of the game's floats. */
export const rounded = (ducats: number) => Math.round(ducats * 1_000) / 1_000;

/** Purses now, and what has come to each since. */
export function readPurses(world: World) {
  const held = () => new Map(residents(world).map(({ username, ducats }) => [username, ducats]));
  const sum = (purses: ReadonlyMap<string, number>) =>
    [...purses.values()].reduce((all, each) => all + each, 0);
  const before = held();
  return {
    cameTo: (username: string) => rounded((held().get(username) ?? 0) - (before.get(username) ?? 0)),
    wentFromProcessor: () => rounded((before.get(processor) ?? 0) - (held().get(processor) ?? 0)),
    /** What all purses together have gained. */
    gained: () => rounded(sum(held()) - sum(before)),
  };
}

/**
 * The books balance; Venice's ledger holds what the executed deliveries say, transit the ones that are not over or uncertain,
 * the wallets what came back and was not sent again.
 * @throws with what disagrees.
 */
export async function booksFollow(world: World, ends: readonly Ended[], sentAgain: number): Promise<void> {
  await booksBalance(world);
  const sums = await world.database.rows<{ ledger: string; ducats: number }>(
    "select ledger, (amount / 1000)::int as ducats from trial_balance where ledger in ('venice', 'transit', 'wallet')",
  );
  const kept = (ledger: string) => sums.find((each) => each.ledger === ledger)?.ducats ?? 0;
  const sumOf = (of: (end: Ended) => boolean) => ends.filter(of).reduce((all, { ducats }) => all + ducats, 0);
  const executed = sumOf(({ status }) => status === "executed");
  const rejected = sumOf(({ status }) => status === "rejected");
  const expected = {
    venice: executed,
    transit: sumOf(() => true) - executed - rejected,
    wallet: rejected - sentAgain,
  };
  const found = { venice: kept("venice"), transit: kept("transit"), wallet: kept("wallet") };
  if (JSON.stringify(found) !== JSON.stringify(expected))
    throw new Error(
      `the books hold ${JSON.stringify(found)}, the deliveries say ${JSON.stringify(expected)}`,
    );
}

/** Each delivery is over, and an uncertain one has its evidence and an open alert. @throws with those that are not. */
export function nobodyIsForgotten(ends: readonly Ended[]): void {
  const forgotten = ends.filter(
    (end) => !isOver(end) || (end.status === "uncertain" && !(end.hasEvidence && end.isAlerted)),
  );
  if (forgotten.length > 0) throw new Error(`forgotten: ${JSON.stringify(forgotten)}`);
}
