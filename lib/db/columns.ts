/** How the database's values become ours, once: int8 arrives as a string, in JSON as a number below 2^53. */
import * as z from "zod";
import { centsSchema, microUsdPerDucatSchema, millisSchema } from "../money.ts";

const integer = z.union([z.int(), z.string().regex(/^-?\d+$/)]).transform((value) => BigInt(value));

export const millisColumn = integer.pipe(millisSchema);
export const centsColumn = integer.pipe(centsSchema);
export const rateColumn = integer.pipe(microUsdPerDucatSchema);
/** ISO 8601 in UTC, as the database's `iso()` writes it. */
export const timeColumn = z.iso.datetime();
