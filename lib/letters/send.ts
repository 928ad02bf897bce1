/** Sends what the outbox holds: leased, written from its template, given to the provider under a key of its own. */
import { setTimeout as wait } from "node:timers/promises";
import * as z from "zod";
import { mailedTokenOf } from "../account/mailed-token.ts";
import type { App } from "../app.ts";
import { later, MINUTE_MS, SECOND_MS } from "../clock.ts";
import { timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { messageOf, Unavailable } from "../errors.ts";
import type { Mail, SendOutcome } from "../mail/port.ts";
import { letterKinds, writeLetter } from "./templates.ts";

const perRun = 20;
/** Below the platform's 30 seconds, with room for the letter in hand. */
const budgetMs = 16 * SECOND_MS;
/** Longer than a run can live: a letter whose worker died is free again. */
const lease = "90 seconds";
/** Shorter than the provider remembers a key (24 hours): a letter that is tried later could arrive twice. */
const patience = "20 hours";
const shortPauseMs = 2 * SECOND_MS;
const longestPauseMs = 60 * MINUTE_MS;

const claimedRow = z.object({
  id: z.string(),
  /** Any: what this version cannot write must not keep the others from being sent. */
  kind: z.string(),
  recipient: z.string().nullable(),
  data: z.record(z.string(), z.unknown()),
  created_at: timeColumn,
  lease_token: z.coerce.bigint(),
  tries: z.int(),
});
type Claimed = z.output<typeof claimedRow>;

export type SendReport = { readonly sent: number; readonly refused: number; readonly postponed: number };

type Ports = Pick<App, "db" | "mail" | "env" | "clock" | "log">;

/** Safe any number of times at once. Where no mail provider is set up the letters wait. @throws Unavailable (database) */
export async function sendLetters(app: Ports): Promise<SendReport> {
  const report = { sent: 0, refused: 0, postponed: 0 };
  const { mail } = app;
  if (!mail) return report;
  const startedAt = performance.now();
  while (report.sent + report.refused + report.postponed < perRun) {
    // One at a time: what a run can't get to is not held from the next.
    const [letter] = await app.db.query(
      sql`select * from claim_letters(${app.clock()}::timestamptz, 1, ${lease}::interval, ${patience}::interval)`,
      claimedRow,
    );
    if (!letter) break;
    const outcome = await post(app, mail, letter);
    await conclude(app, letter, outcome);
    report[outcome.kind] += 1;
    if (performance.now() - startedAt > budgetMs) break;
    // A provider that takes a few a second is given that second: somebody waits for his link.
    if (outcome.kind === "postponed") {
      const pauseMs = outcome.until.getTime() - app.clock().getTime();
      if (pauseMs <= shortPauseMs) await wait(pauseMs);
    }
  }
  return report;
}

type Posted = SendOutcome | { readonly kind: "postponed"; readonly reason: string; readonly until: Date };

async function post(app: Ports, mail: Mail, letter: Claimed): Promise<Posted> {
  const to = letter.recipient ?? app.env.OPERATOR_EMAIL;
  if (!to) return { kind: "refused", reason: "there is nobody to write to" };
  try {
    const { tokenId, tokenHash, ...data } = letter.data;
    const token =
      typeof tokenId === "string" ? { token: mailedTokenOf(app.env, tokenId, String(tokenHash)) } : {};
    const kind = z.enum(letterKinds).parse(letter.kind);
    const outcome = await mail.send({
      to,
      ...writeLetter(kind, { ...data, ...token }, new URL(app.env.URL).origin),
      // With its time: another database's first letter has the same id.
      idempotencyKey: `${letter.id}-${letter.created_at}`,
    });
    if (outcome.kind === "sent") return outcome;
    // The provider's words may name the address, and none is kept here.
    return { kind: "refused", reason: outcome.reason.replaceAll(to, "the address") };
  } catch (error) {
    // A mistake of ours, too, is tried again until the operator hears of it: nothing that we owe a customer is dropped.
    const firstMs = error instanceof Unavailable ? error.retryAfterSeconds * SECOND_MS : MINUTE_MS;
    const pauseMs = Math.min(firstMs * 2 ** (letter.tries - 1), longestPauseMs);
    app.log("letter_not_sent", { letter: letter.id, kind: letter.kind, error: messageOf(error) });
    return {
      kind: "postponed",
      reason: messageOf(error),
      until: later(app.clock(), pauseMs),
    };
  }
}

async function conclude({ db, clock }: Ports, letter: Claimed, outcome: Posted): Promise<void> {
  const now = clock();
  const state = outcome.kind === "postponed" ? "queued" : outcome.kind;
  const next = outcome.kind === "postponed" ? outcome.until : now;
  const error = outcome.kind === "sent" ? null : outcome.reason;
  await db.query(
    sql`select letter_ended(${now}::timestamptz, ${letter.id}, ${letter.lease_token}::bigint, ${state},
      ${next}::timestamptz, ${error})`,
    z.unknown(),
  );
}
