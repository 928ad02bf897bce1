/** Two of ours in the same moment, made to overlap on purpose. */
import pg from "pg";
import type { World } from "./world.ts";

/** Does the first on a connection of its own, begins the second before the first is committed, and ends both. */
export async function overlapping<T>(
  world: World,
  statement: string,
  values: unknown[],
  second: () => Promise<T>,
): Promise<T> {
  const first = await connect(world);
  const watcher = await connect(world);
  try {
    await first.query("begin");
    await first.query(statement, values);
    const progress = { isOver: false };
    const running = second().finally(() => {
      progress.isOver = true;
    });
    while (!progress.isOver && !(await isWaiting(watcher)))
      await new Promise((resolve) => setTimeout(resolve, 5));
    await first.query("commit");
    return await running;
  } finally {
    await first.end();
    await watcher.end();
  }
}

async function connect(world: World): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: world.database.ownerUrl });
  await client.connect();
  return client;
}

async function isWaiting(watcher: pg.Client): Promise<boolean> {
  const { rows } = await watcher.query(
    "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  return rows.length > 0;
}
