/** `citizens`: suggests usernames while one is typed. */
import * as z from "zod";
import { declare } from "../http/declare.ts";
import { textWire } from "./wire.ts";

export const citizensApi = declare({
  name: "citizens",
  summary: "Citizens of Venice",
  routes: {
    GET: {
      summary: "Citizens whose username begins with, or else contains, what was typed; at most eight",
      auth: "none",
      query: z.strictObject({
        q: textWire
          .trim()
          .min(2, "must have at least 2 characters")
          .max(100, "must have at most 100 characters")
          .meta({ description: "The beginning of a username, or a part of it; case doesn't count." }),
      }),
      answers: {
        200: z.strictObject({
          citizens: z.array(
            z.strictObject({
              username: z.string(),
              socialClass: z.string().nullable(),
            }),
          ),
        }),
      },
      problems: ["invalid_field", "rate_limited", "limiter_unavailable"],
      whenAway:
        "Suggests from a copy that is an hour old at most while Venice answers. Redis or Postgres away: 503; a username typed in full is looked up all the same.",
    },
  },
});
