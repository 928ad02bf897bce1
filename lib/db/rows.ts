/** Rows are parsed once, here, for every adapter: what comes back is what the capability declared. */
import * as z from "zod";
import type { Database, Statement } from "./port.ts";

export function parseRows(run: (statement: Statement) => Promise<unknown[]>): Database {
  async function query<Row>(statement: Statement, row: z.ZodType<Row>): Promise<Row[]> {
    return z.array(row).parse(await run(statement));
  }
  return {
    query,
    async one(statement, row) {
      const [first, ...others] = await query(statement, row);
      if (first === undefined || others.length > 0)
        throw new Error(`expected one row from: ${statement.text}`);
      return first;
    },
  };
}
