/** Tells citizens in Venice what happened to their ducats: after the fact, once, and never at any cost. */
import * as z from "zod";
import type { App } from "../app.ts";
import { later, MINUTE_MS, SECOND_MS } from "../clock.ts";
import { millisColumn, timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { messageOf, Unavailable } from "../errors.ts";
import { ducats, MILLIS_PER_DUCAT, type Millis } from "../money.ts";
import { NOTICES_PER_WRITE, type Notice } from "../town/port.ts";

/** Deliveries share Airtable's requests with us. */
const writesPerRun = 5;
/** Below the platform's 30 seconds, with room for the write in hand. */
const budgetMs = 16 * SECOND_MS;
/** Longer than a run can live, and than what it sent can be on its way. */
const lease = "2 minutes";
const patience = "1 day";
/** After this a write whose answer was lost has arrived, or never will. */
const shortestPauseMs = 2 * MINUTE_MS;
const longestPauseMs = 60 * MINUTE_MS;

const claimedRow = z.object({
  id: z.string(),
  lease_token: z.string(),
  kind: z.enum(["paid", "arrived", "returned", "cancelled"]),
  object: z.string(),
  citizen: z.string(),
  data: z.object({ millis: millisColumn, stratagemId: z.string().optional() }),
  created_at: timeColumn,
  tries: z.int(),
  doubts: z.int(),
});
type Claimed = z.output<typeof claimedRow>;

export type NotifyReport = {
  readonly sent: number;
  readonly postponed: number;
  /** Given up because nobody can say whether they were written. */
  readonly unsure: number;
};

type Ports = Pick<App, "db" | "town" | "clock" | "log">;

/** Safe any number of times at once; Venice away ends the run, with nothing lost. @throws Unavailable (database) */
export async function notifyCitizens(app: Ports): Promise<NotifyReport> {
  const startedAt = performance.now();
  const report = { sent: 0, postponed: 0, unsure: 0 };
  for (let write = 0; write < writesPerRun && performance.now() - startedAt < budgetMs; write += 1) {
    const claimed = await app.db.query(
      sql`select * from claim_notices(${app.clock()}::timestamptz, ${NOTICES_PER_WRITE}::int, ${lease}::interval,
        ${patience}::interval)`,
      claimedRow,
    );
    if (claimed.length === 0) break;
    const ended = await tell(app, claimed);
    await app.db.query(
      sql`select notices_ended(${app.clock()}::timestamptz, ${JSON.stringify(ended)}::jsonb)`,
      z.unknown(),
    );
    const count = (state: Ended["state"]) => ended.filter((each) => each.state === state).length;
    report.sent += count("sent");
    report.unsure += count("given_up");
    report.postponed += count("queued");
    if (count("queued") > 0 || claimed.length < NOTICES_PER_WRITE) break;
  }
  return report;
}

type Ended = {
  readonly id: string;
  readonly token: string;
  readonly state: "sent" | "given_up" | "queued";
  /** This try has certainly written nothing. */
  readonly clear: boolean;
  readonly next: Date;
  readonly error: string | null;
};

/** One write; before it, a look for those that an earlier try may have written. */
async function tell(app: Ports, claimed: readonly Claimed[]): Promise<Ended[]> {
  const now = app.clock();
  const end = (notice: Claimed, state: Ended["state"], error: string | null = null): Ended => {
    return { id: notice.id, token: notice.lease_token, state, clear: false, next: now, error };
  };
  const postpone = (notices: readonly Claimed[], error: unknown): Ended[] => {
    app.log("citizens_not_notified", { notices: notices.length, error: messageOf(error) });
    const clear = !(error instanceof Unavailable && error.effect === "unknown");
    return notices.map((notice) => {
      const pauseMs = Math.min(shortestPauseMs * 2 ** (notice.tries - 1), longestPauseMs);
      return { ...end(notice, "queued", messageOf(error)), clear, next: later(now, pauseMs) };
    });
  };

  const doubted = claimed.filter(({ doubts }) => doubts > 0).map(idOf);
  let written: ReadonlySet<string> = new Set();
  try {
    if (doubted.length > 0) written = await app.town.findNotices(doubted);
  } catch (error) {
    return postpone(claimed, error);
  }
  const found = claimed.filter((notice) => written.has(idOf(notice)));
  // Written again after one unclear end, not after two: no notice is worth being there twice.
  const lost = claimed.filter((notice) => notice.doubts > 1 && !found.includes(notice));
  const due = claimed.filter((notice) => !found.includes(notice) && !lost.includes(notice));
  const done = [
    ...found.map((notice) => end(notice, "sent")),
    ...lost.map((notice) => end(notice, "given_up", "written or not, twice nobody could say")),
  ];
  try {
    if (due.length > 0) await app.town.writeNotices(due.map(noticeOf));
  } catch (error) {
    return [...done, ...postpone(due, error)];
  }
  return [...done, ...due.map((notice) => end(notice, "sent"))];
}

/** The same in every database and at every try. */
function idOf({ kind, object }: Pick<Claimed, "kind" | "object">): string {
  return `${object}-${kind}`;
}

function noticeOf(claimed: Claimed): Notice {
  const { kind, object, citizen, data } = claimed;
  const { millis, stratagemId } = data;
  return {
    id: idOf(claimed),
    citizen,
    type: `ducats_${kind}`,
    content: words(kind, millis),
    details: {
      source: "cascade_payment_processor",
      notice: idOf(claimed),
      event: kind,
      ducats: Number(millis / MILLIS_PER_DUCAT),
      ...(stratagemId === undefined ? {} : { stratagemId }),
    },
    asset: stratagemId ?? object,
    assetType: stratagemId === undefined ? "purchase" : "stratagem",
    createdAt: claimed.created_at,
  };
}

/** To whoever the citizen is: the wallet may be somebody else's, who made him a present. */
function words(kind: Claimed["kind"], millis: Millis): string {
  const sum = ducats(millis);
  switch (kind) {
    case "paid":
      return `${sum} for you: paid, and on the way. Your purse has it all when Venice has carried the transfer out.`;
    case "arrived":
      return `${sum} for you: arrived in your purse.`;
    case "returned":
      return `${sum} for you could not be transferred, and went back to the CASCADE wallet that it came from.`;
    case "cancelled":
      return `${sum} for you: held back, because the payment is disputed or going back.`;
  }
}
