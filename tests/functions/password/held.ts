/** Lets requests meet: what happens once in many times, on a busy day, happens each time. */
import { setTimeout as wait } from "node:timers/promises";
import type { World } from "../../support/world.ts";

/** Starts each work when the one before waits for a lock, the first behind `lock`; then lets them all go. */
export async function behind<T>(
  { database }: Pick<World, "database">,
  lock: string,
  works: readonly (() => Promise<T>)[],
): Promise<T[]> {
  const running: Promise<T>[] = [];
  await database.rows("begin");
  try {
    await database.rows(lock);
    for (const work of works) {
      running.push(work());
      while ((await waiting(database)) < running.length) await wait(5);
    }
  } finally {
    await database.rows("commit");
  }
  return await Promise.all(running);
}

async function waiting(database: World["database"]): Promise<number> {
  await database.rows("select pg_stat_clear_snapshot()");
  const [row] = await database.rows<{ count: number }>(
    "select count(*)::int as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  return row?.count ?? 0;
}
