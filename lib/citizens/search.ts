/** The type-ahead over the mirror: suggestions only, what is typed in full is looked up in Venice itself. */
import * as z from "zod";
import { digest } from "../account/attempts.ts";
import { networkOf } from "../account/network.ts";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";
import type { Limiter, Verdict } from "../redis/port.ts";

const suggestions = 8;
const searchByAddress = { name: "citizens-address", limit: 60, windowSeconds: 60 };

/** A search by somebody of this network. */
export function countSearch(limiter: Limiter, address: string): Promise<Verdict> {
  return limiter.take(searchByAddress, digest(networkOf(address)));
}

/** Those whose username begins with the text, then those that contain it. */
export async function searchCitizens({ db }: Pick<App, "db">, text: string) {
  const { found } = await db.one(
    sql`select search_citizens(${text}, ${suggestions}::int) as found`,
    z.object({ found: z.array(z.object({ username: z.string(), socialClass: z.string().nullable() })) }),
  );
  return found;
}
