/** Values on the wire: ducats are integers of millis, dollars integers of cents, times ISO 8601 in UTC. */
import * as z from "zod";
import { centsSchema, microUsdPerDucatSchema, millisSchema } from "../money.ts";

/** Text that the database can hold: Postgres knows neither NUL nor half a surrogate pair. */
export const textWire = z
  .string()
  .refine((text) => text.isWellFormed() && !text.includes("\0"), "must be well-formed text without NUL");

const toNumber = (value: bigint): number => Number(value);
const toBigint = (value: number): bigint => BigInt(value);

export const millisWire = z
  .codec(z.int(), millisSchema, { decode: toBigint, encode: toNumber })
  .meta({ description: "Thousandths of a ducat." });
export const centsWire = z
  .codec(z.int(), centsSchema, { decode: toBigint, encode: toNumber })
  .meta({ description: "US cents." });
export const rateWire = z
  .codec(z.int(), microUsdPerDucatSchema, { decode: toBigint, encode: toNumber })
  .meta({ description: "Millionths of a US dollar for one ducat." });
export const timeWire = z.iso.datetime().meta({ description: "ISO 8601, UTC." });

/** The rate, and since when it has been this one. */
export const rateNowWire = z.strictObject({ microUsdPerDucat: rateWire, asOf: timeWire });

export const problemWire = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  requestId: z.string(),
  field: z.string().optional(),
  limit: z
    .string()
    .optional()
    .meta({ description: "With limit_reached: the limit that the order would break." }),
  leftCents: z
    .int()
    .optional()
    .meta({ description: "With limit_reached: the most that this limit allows now." }),
  resetsAt: timeWire
    .nullable()
    .optional()
    .meta({ description: "With limit_reached: when there is room again; null for one payment's limit." }),
});
