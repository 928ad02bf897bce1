/** What a request leaves in the database. */
import type { World } from "../../support/world.ts";

async function tables(world: World): Promise<string[]> {
  const rows = await world.database.rows<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = 'public' order by 1",
  );
  return rows.map(({ name }) => name);
}

/** Every row of every table, as text. */
export async function everything(world: World): Promise<string> {
  const texts = [];
  for (const table of await tables(world)) {
    const rows = await world.database.rows<{ text: string }>(`select t::text as text from ${table} t`);
    texts.push(...rows.map(({ text }) => `${table} ${text}`));
  }
  return texts.join("\n");
}

export type Traces = Readonly<Record<string, number>>;

/** How many rows each table has more (or fewer) after the work than before; tables that stay are left out. */
export async function tracesOf(world: World, work: () => Promise<unknown>): Promise<Traces> {
  const before = await counts(world);
  await work();
  const after = await counts(world);
  const changes = Object.entries(after).map(
    ([table, count]) => [table, count - (before[table] ?? 0)] as const,
  );
  return Object.fromEntries(changes.filter(([, change]) => change !== 0));
}

async function counts(world: World): Promise<Record<string, number>> {
  const each = (await tables(world)).map((name) => `select '${name}' as name, count(*)::int from ${name}`);
  const rows = await world.database.rows<{ name: string; count: number }>(each.join(" union all "));
  return Object.fromEntries(rows.map(({ name, count }) => [name, count]));
}
