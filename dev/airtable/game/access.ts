/** The game's own way into the base: the same limit as everybody's, within a share of its own. */
import type { Base, RecordJson } from "../base.ts";
import { filterRecords } from "../filter.ts";
import type { Limiter } from "../limiter.ts";
import type { TableName } from "../schema.ts";

export type Access = {
  list(table: TableName, formula: string, maxRecords?: number): Promise<RecordJson[]>;
  get(table: TableName, id: string): Promise<RecordJson>;
  update(table: TableName, id: string, fields: Readonly<Record<string, unknown>>): Promise<void>;
};

const PAGE = 100;

export function createAccess(options: {
  base: Base;
  limiter: Limiter;
  /** Requests a second the game allows itself. */
  share: number;
  wait: (ms: number) => Promise<void>;
  now: () => Date;
}): Access {
  const { base, limiter, share, wait, now } = options;
  let spent: number[] = [];

  /** Waits for the share, and out any penalty: a refused request is tried again, nothing is lost. */
  async function request<T>(work: () => T): Promise<T> {
    for (;;) {
      const ms = limiter.waitMs(share, spent);
      if (ms > 0) {
        await wait(ms);
      } else {
        spent = [...spent, limiter.clockMs()].slice(-share);
        if (limiter.admit()) break;
      }
    }
    // Between two requests others come and go, as over a network.
    await Promise.resolve();
    return work();
  }

  return {
    async list(name, formula, maxRecords = Number.POSITIVE_INFINITY) {
      const found: RecordJson[] = [];
      let ids: string[] | undefined;
      do {
        await request(() => {
          const table = base.table(name);
          ids ??= filterRecords(base, table, formula, now())
            .map((each) => each.id)
            .slice(0, maxRecords);
          const records = ids.splice(0, PAGE).flatMap((id) => table.records.get(id) ?? []);
          found.push(...records.map((each) => base.show(table, each)));
        });
      } while (ids !== undefined && ids.length > 0);
      return found;
    },
    get: (name, id) =>
      request(() => {
        const table = base.table(name);
        return base.show(table, base.record(table, id));
      }),
    update: (name, id, fields) =>
      request(() => {
        const table = base.table(name);
        const record = base.record(table, id);
        base.write(record, base.prepare(table, fields, false), false);
      }),
  };
}
