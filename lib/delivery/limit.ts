/** How often somebody may withdraw: each asks Venice, whose requests deliveries share. */
import type { Caller } from "../account/caller.ts";
import type { Limiter, Verdict } from "../redis/port.ts";

const withdrawals = { name: "withdraw", limit: 30, windowSeconds: 60 };

export function countWithdrawal(limiter: Limiter, caller: Caller): Promise<Verdict> {
  return limiter.take(
    withdrawals,
    caller.kind === "key" ? Buffer.from(caller.hash).toString("hex") : caller.accountId,
  );
}
