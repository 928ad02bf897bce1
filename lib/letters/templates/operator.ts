/** The letter to the operator: something needs a person. */
import * as z from "zod";
import { timeColumn } from "../../db/columns.ts";
import { facts, text } from "../letter.ts";
import { printTime, template } from "../template.ts";

export const alert = template(
  z.object({ kind: z.string(), subject: z.string(), message: z.string(), openedAt: timeColumn }),
  ({ kind, subject, message, openedAt }) => ({
    subject: `CASCADE: ${kind.replaceAll("_", " ")} (${subject})`,
    reader: "operator",
    blocks: [
      text(message),
      facts({ Alert: kind, Subject: subject, Noticed: printTime(openedAt) }),
      text("You get this letter once while it lasts."),
    ],
  }),
);
