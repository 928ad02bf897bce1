/** Clients that each send their next request once the last one is answered. */
import { nthAttempt, type Contender } from "./contender.ts";
import type { Round } from "./messages.ts";

let attempts = 0;

export async function runRound(contender: Contender, clients: number, seconds: number): Promise<Round> {
  const latenciesMs: number[] = [];
  const rates = await Promise.all(
    Array.from({ length: clients }, async () => {
      const startedAt = performance.now();
      const endsAt = startedAt + seconds * 1_000;
      let answered = 0;
      let now = startedAt;
      while (now < endsAt) {
        const attempt = nthAttempt(attempts++);
        const sentAt = now;
        await contender.signIn(attempt);
        now = performance.now();
        answered += 1;
        latenciesMs.push(now - sentAt);
      }
      // To the client's own last answer: the round's end cuts no request in two.
      return (answered * 1_000) / (now - startedAt);
    }),
  );
  return { answered: latenciesMs.length, perSecond: rates.reduce((sum, rate) => sum + rate, 0), latenciesMs };
}
