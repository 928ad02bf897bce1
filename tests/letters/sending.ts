/** Letters under test: queued as the database queues them, sent by a clock that the test moves. */
import { afterEach } from "vitest";
import type { App } from "../../lib/app.ts";
import { randomText } from "../../lib/ids.ts";
import { sendLetters } from "../../lib/letters/send.ts";
import type { TestClock } from "../support/delivering.ts";
import { appAt, type World } from "../support/world.ts";

export type LetterRow = {
  readonly id: string;
  readonly kind: string;
  readonly object: string;
  readonly state: string;
  readonly tries: number;
  readonly next_at: Date;
  readonly last_error: string | null;
};

/** A file's letters: after each test none is left to be sent, and no alert is open. */
export function useLetters(world: World) {
  const clock: TestClock = { now: new Date() };

  afterEach(async () => {
    await world.database.rows(
      "update letters set state = 'skipped', ended_at = now(), leased_until = null where state = 'queued'",
    );
    await world.database.rows("update alerts set closed_at = now() where closed_at is null");
    world.mailbox.clear();
  });

  /** A letter to this account, due now; the object that it is about. */
  async function queue(accountId: string): Promise<string> {
    const object = randomText(20);
    await world.database.rows(`select queue_letter($1, 'low_balance', $2, $3, '{"walletMillis": 1000}')`, [
      clock.now,
      object,
      accountId,
    ]);
    return object;
  }

  async function letter(object: string): Promise<LetterRow> {
    const [row] = await world.database.rows<LetterRow>("select * from letters where object = $1", [object]);
    if (!row) throw new Error("no letter");
    return row;
  }

  return {
    clock,
    queue,
    letter,
    send: (changes: Partial<App> = {}) => sendLetters({ ...appAt(clock), ...changes }),
    alerts: () =>
      world.database.rows<{ kind: string }>("select kind from alerts where closed_at is null order by id"),
  };
}
