/** A contender's side of its process: carries out one order after the other. */
import { runRound } from "./clients.ts";
import { nthAccount, nthAddress, type Contender } from "./contender.ts";
import { orderSchema, type Order } from "./messages.ts";

/** As many as Node computes hashes at once. */
const signUpsAtOnce = 4;

export function obey(contender: Contender): void {
  process.on("message", (message) => {
    carryOut(contender, orderSchema.parse(message)).then(
      (done) => process.send?.({ done: done ?? null }),
      (error: unknown) => process.send?.({ failed: error instanceof Error ? error.message : String(error) }),
    );
  });
  // When the measurement is over, and when it was broken off.
  process.on("disconnect", () => process.exit());
}

async function carryOut(contender: Contender, order: Order): Promise<unknown> {
  switch (order.do) {
    case "sign-up":
      return signUpAll(contender, order.from, order.to);
    case "round":
      return runRound(contender, order.clients, order.seconds);
  }
}

async function signUpAll(contender: Contender, from: number, to: number): Promise<void> {
  let next = from;
  await Promise.all(
    Array.from({ length: signUpsAtOnce }, async () => {
      for (let n = next++; n < to; n = next++)
        await contender.signUp({ account: nthAccount(n), address: nthAddress(n) });
    }),
  );
}
