/** `npm run reconcile`, as the operator runs it: what it says, what it asks, its exit code. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { root } from "../support/source.ts";
import { booksBalance, newCustomer, paidPurchase, statusOf, useWorld } from "../support/world.ts";

const world = useWorld();

async function reconcile(args: readonly string[], variables: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [join(root, "cli/reconcile.ts"), ...args], {
    env: { ...process.env, MIGRATION_DATABASE_URL: world.database.ownerUrl, ...variables },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [said, complained, exitCode] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.on("close", resolve)),
  ]);
  return { said, complained, exitCode };
}

test("looks, asks, repairs, and then all three agree", async () => {
  expect(await reconcile([])).toMatchObject({ complained: "", exitCode: 0 });
  const customer = await newCustomer();
  world.stripe.clock.advance(-20 * 60_000);
  const { purchaseId } = await paidPurchase(world, customer, { pack: "starter", deliverTo: "wallet" });
  world.stripe.clock.resume();

  const looked = await reconcile([]);
  expect(looked).toMatchObject({ complained: "", exitCode: 1 });
  expect(looked.said).toContain("1 payments, 1 purchases");
  expect(looked.said).toMatch(new RegExp(`Paid, and no ducats for it +${purchaseId} pi_\\w+ +\\$10\\.00`));
  expect(looked.said).toContain("Nothing was changed. With --fix");

  const asked = await reconcile(["--fix"]);
  expect(asked).toMatchObject({ complained: "", exitCode: 1 });
  expect(asked.said).toContain("Nothing was changed. Answer y, or pass --yes.");
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 0 });

  const fixed = await reconcile(["--fix", "--yes"]);
  expect(fixed).toMatchObject({ complained: "", exitCode: 0 });
  expect(fixed.said).toMatch(/paid-not-credited:pi_\w+: repaired/);
  expect(fixed.said).toContain("All three agree.");
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 100_000 });
  const logged = await world.database.rows("select actor from audit_log where act = 'reconcile.repaired'");
  expect(logged).toEqual([{ actor: "operator" }]);
  await booksBalance(world);
  const anHourAgo = new Date(Date.now() - 3_600_000).toISOString();
  expect(await reconcile(["--since", anHourAgo])).toMatchObject({ complained: "", exitCode: 0 });
}, 60_000);

test.each([
  ["no day", ["--since", "yesterday"], /give a day that is over/],
  ["a day to come", ["--since", "2100-01-01"], /give a day that is over/],
  ["an option that isn't there", ["--now"], /Unknown option/],
])("refuses %s", async (_, args, why) => {
  const refused = await reconcile(args);
  expect(refused.exitCode).toBe(1);
  expect(refused.complained).toMatch(why);
});

test("refuses the functions' own connection", async () => {
  const refused = await reconcile([], { MIGRATION_DATABASE_URL: world.database.appUrl });
  expect(refused.exitCode).toBe(1);
  expect(refused.complained).toContain("Only the database's owner");
});

test("says when Stripe is away, and to run it again", async () => {
  world.stripe.faults.plan({ kind: "status", status: 500, path: "/v1/payment_intents", times: 4 });
  const refused = await reconcile([]);
  expect(refused.exitCode).toBe(1);
  expect(refused.complained).toContain("Run the command again");
});
