/** The type-ahead over the mirror: suggestions only, what is typed in full is looked up in Venice itself. */
import { createHash } from "node:crypto";
import * as z from "zod";
import { networkOf } from "../account/network.ts";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";
import type { Limiter, Verdict } from "../redis/port.ts";

const suggestions = 8;
const searchByAddress = { name: "citizens-address", limit: 60, windowSeconds: 60 };

/** A search by somebody of this network. */
export function countSearch(limiter: Limiter, address: string): Promise<Verdict> {
  // Redis holds no personal data in the clear.
  const subject = createHash("sha256").update(networkOf(address)).digest("base64url").slice(0, 22);
  return limiter.take(searchByAddress, subject);
}

/** Those whose username begins with the text, then those that contain it. */
export async function searchCitizens({ db }: Pick<App, "db">, text: string) {
  const { found } = await db.one(
    sql`select search_citizens(${text}, ${suggestions}::int) as found`,
    z.object({ found: z.array(z.object({ username: z.string(), socialClass: z.string().nullable() })) }),
  );
  return found;
}
