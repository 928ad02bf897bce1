/** `npm run demo`: the whole main job over HTTP on a throwaway stack, each step checked and timed; exit code 0 if all held. */
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import pg from "pg";
import { z } from "zod";
import { meters } from "../lib/catalog/meters.ts";
import { explorer, tiers } from "../lib/catalog/tiers.ts";
import { millis, printDucats } from "../lib/money.ts";
import { PROCESSOR } from "../lib/processor.ts";
import { chooseEnvironment, withFreePorts } from "./environment.ts";
import { writeFunctionStubs } from "./functions.ts";
import { siteAnswers, startNetlify, type Netlify } from "./netlify.ts";
import { freePort } from "./ports.ts";
import { keptFolder, readProject } from "./project.ts";
import { functionJobs } from "./schedules.ts";
import { endWith } from "./shutdown.ts";
import { startStack, type Stack } from "./stack.ts";

const BUDGET_MS = 60_000;
/** Airtable counts five requests in any second, ours and the game's, and then refuses for thirty. */
const BREATH_MS = 1_100;
const CITIZEN = "LaceWeaverOrsola";
const startedAt = performance.now();
const deadline = AbortSignal.timeout(BUDGET_MS);

/** A step that did not hold. */
class Broken extends Error {}

function hold(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Broken(otherwise);
}

let current = "starting";

/** Does one step and prints it with its time. */
async function step<T>(title: string, work: () => Promise<readonly [T, string]>): Promise<T> {
  current = title;
  const from = performance.now();
  const [result, told] = await Promise.race([work(), expired()]);
  const ms = Math.round(performance.now() - from);
  console.log(`  ${String(ms).padStart(6)} ms  ${title.padEnd(34)} ${told}`);
  return result;
}

function expired(): Promise<never> {
  return new Promise((_, reject) => {
    const late = (): void => {
      reject(new Broken(`not done within ${BUDGET_MS / 1_000} s of the start`));
    };
    if (deadline.aborted) late();
    else deadline.addEventListener("abort", late, { once: true });
  });
}

const whole = z.object;
const account = whole({ account: whole({ id: z.string() }) });
const session = whole({ tokens: whole({ accessToken: z.string() }) });
const checkout = whole({ purchaseId: z.string(), url: z.string() });
const key = whole({ key: z.string() });
const packList = whole({
  packs: z.array(whole({ id: z.string(), usdCents: z.int(), totalMillis: z.int() })),
});
const spent = whole({
  results: z.array(whole({ outcome: z.string(), chargedMillis: z.int() })),
  walletMillis: z.int(),
});
const status = whole({
  walletMillis: z.int(),
  transitMillis: z.int(),
  purchases: z.array(whole({ id: z.string(), status: z.string() })),
  deliveries: z.array(whole({ purchaseId: z.string().nullable(), status: z.string(), millis: z.int() })),
});
const paid = whole({ outcome: whole({ kind: z.string() }) });
const hooks = z.array(
  whole({
    eventType: z.string(),
    state: z.string(),
    attempts: z.array(whole({ status: z.int().nullable() })),
  }),
);

async function run(site: string, stack: Stack): Promise<void> {
  const { stripe, airtable, postgres, mailbox } = stack;
  if (!stripe || !airtable || !postgres || !mailbox) throw new Broken("a stand-in is missing");
  const job = functionJobs(readProject(), site).find(({ name }) => name === "deliver-ducats");
  if (!job) throw new Broken("netlify.toml schedules no deliver-ducats");

  async function call<T>(
    expect: number,
    answer: z.ZodType<T>,
    to: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const response = await fetch(to.startsWith("/") ? `${site}/api${to}` : to, {
      method: body ? "POST" : "GET",
      headers: { ...headers, ...(body && { "content-type": "application/json" }) },
      ...(body && { body: JSON.stringify(body) }),
      signal: deadline,
    });
    const text = await response.text();
    hold(
      response.status === expect,
      `${to} answered ${response.status}, not ${expect}: ${text.slice(0, 400)}`,
    );
    const parsed = answer.safeParse(text === "" ? null : JSON.parse(text));
    hold(parsed.success, `${to} answered something else: ${text.slice(0, 400)}`);
    return parsed.data;
  }
  const purse = (username: string): number => {
    const ducats = airtable.citizen(username)?.fields["Ducats"];
    hold(typeof ducats === "number", `${username} has no purse`);
    return ducats;
  };

  const packs = await step("the price list", async () => {
    const { packs } = await call(200, packList, "/packs");
    return [packs, packs.map(({ id, usdCents }) => `${id} $${usdCents / 100}`).join(", ")];
  });
  const packOf = (id: string) => {
    const found = packs.find((pack) => pack.id === id);
    hold(found !== undefined, `no pack ${id}`);
    return found;
  };

  const login = { email: `orsola.${Date.now()}@example.com`, password: "a password long enough" };
  await step("sign up", async () => {
    const { account: made } = await call(201, account, "/signup", { ...login, citizen: CITIZEN });
    return [made, `${made.id}, delivers to ${CITIZEN}`];
  });
  await step("verify the e-mail", async () => {
    const token = await mailedToken(login.email);
    await call(204, z.null(), "/email-verification", { token });
    return [token, "by the link in the mailbox"];
  });
  const bearer = await step("sign in", async () => {
    const { tokens } = await call(200, session, "/login", { ...login, bearer: true });
    return [{ authorization: `Bearer ${tokens.accessToken}` }, "an access token for a quarter of an hour"];
  });

  /** The mail is sent after the answer: a moment later it is there. */
  async function mailedToken(email: string): Promise<string> {
    for (;;) {
      const [message] = mailbox?.messages(email) ?? [];
      const token = /\/verify\/#([\w.~-]+)/.exec(message?.text ?? "")?.[1];
      if (token !== undefined) return token;
      await wait(50, undefined, { signal: deadline });
    }
  }

  let heard = 0;
  /** Orders, pays on the hosted page, and waits for the signed webhooks to be answered. */
  async function buy(pack: string, deliverTo: "venice" | "wallet"): Promise<string> {
    const order = { pack, deliverTo };
    const headers = { ...bearer, "idempotency-key": `demo-${pack}-${Date.now()}` };
    const opened = await step(`order the ${pack} pack`, async () => {
      const first = await call(201, checkout, "/create-checkout", order, headers);
      const again = await call(201, checkout, "/create-checkout", order, headers);
      hold(
        first.purchaseId === again.purchaseId && first.url === again.url,
        "the same key made a second purchase",
      );
      return [first, `${first.purchaseId}; asked twice, opened once`];
    });
    await step("pay at Stripe", async () => {
      const id = new URL(opened.url).pathname.split("/").at(-1) ?? "";
      const { outcome } = await call(200, paid, `${stripe?.url ?? ""}/_control/sessions/${id}/pay`, {});
      hold(outcome.kind === "paid", `the payment ended as ${outcome.kind}`);
      return [id, "4242 4242 4242 4242"];
    });
    await step("signed webhooks arrive", async () => {
      const all = await call(200, hooks, `${stripe?.url ?? ""}/_control/webhooks/flush`, {});
      const told = all.slice(heard);
      heard = all.length;
      const wrong = told.filter(({ state }) => state !== "delivered");
      hold(told.length > 0 && wrong.length === 0, `not delivered: ${JSON.stringify(wrong).slice(0, 400)}`);
      const { purchases } = await call(200, status, "/credit-status", undefined, bearer);
      const state = purchases.find(({ id }) => id === opened.purchaseId)?.status;
      hold(state === "paid", `the purchase is ${state ?? "not there"}`);
      return [state, `${told.map(({ eventType }) => eventType).join(", ")}; it is paid`];
    });
    return opened.purchaseId;
  }

  const before = { citizen: purse(CITIZEN), processor: purse(PROCESSOR) };
  const explorerPack = packOf("explorer");
  const purchase = await buy("explorer", "venice");

  /** Fires the schedule until the delivery is where it should be. */
  async function deliverUntil(wanted: string): Promise<string> {
    for (;;) {
      const fired = await job?.run(null);
      hold(fired?.ok === true, `deliver-ducats: ${fired?.said ?? ""}`);
      const { deliveries } = await call(200, status, "/credit-status", undefined, bearer);
      const state = deliveries.find(({ purchaseId }) => purchaseId === purchase)?.status;
      if (state === wanted) return state;
      hold(
        ["pending", "planned", "active"].includes(state ?? ""),
        `the delivery is ${state ?? "not there"}, not ${wanted}`,
      );
      await wait(BREATH_MS, undefined, { signal: deadline });
    }
  }
  await step("deliver-ducats fires", async () => {
    const state = await deliverUntil("active");
    const row = airtable.list("STRATAGEMS").find(({ fields }) => fields["TargetCitizen"] === CITIZEN);
    hold(row?.fields["Status"] === "active", `Venice's row is ${String(row?.fields["Status"])}`);
    const [times] = await owner(
      postgres.ownerUrl,
      "select planned_at < activated_at as ordered from deliveries",
    );
    hold(times?.["ordered"] === true, "the row was not planned before it was active");
    return [state, "planned, then active; the purse is untouched"];
  });
  hold(purse(CITIZEN) === before.citizen, "the purse moved before the game ran");
  await wait(BREATH_MS);
  await step("the game runs", async () => {
    const { outcomes } = await call(
      200,
      whole({ outcomes: z.array(whole({ outcome: z.string() })) }),
      `${airtable.url}/_control/game/run`,
      {},
    );
    hold(
      outcomes.length === 1 && outcomes[0]?.outcome === "executed",
      `the game says ${JSON.stringify(outcomes)}`,
    );
    return [outcomes, "one stratagem executed"];
  });
  await wait(BREATH_MS);
  await step("deliver-ducats fires again", async () => [await deliverUntil("executed"), "executed"]);
  await step("the purses in Venice", async () => {
    const gained = purse(CITIZEN) - before.citizen;
    const given = before.processor - purse(PROCESSOR);
    const due = explorerPack.totalMillis / 1_000;
    hold(
      gained === due && given === due,
      `${CITIZEN} gained ${gained}, the processor gave ${given}, due were ${due}`,
    );
    return await Promise.resolve([
      gained,
      `${CITIZEN} ${before.citizen} -> ${purse(CITIZEN)} ducats`,
    ] as const);
  });

  const starter = packOf("starter");
  await buy("starter", "wallet");
  const apiKey = await step("make an API key", async () => {
    const made = await call(201, key, "/api-keys", { name: "demo" }, bearer);
    return [{ authorization: `Bearer ${made.key}` }, `${made.key.slice(0, 12)}…`];
  });
  const wallet = await step("spend by usage", async () => {
    const events = [
      { id: "demo-1", meter: "ai_action", units: 3 },
      { id: "demo-2", meter: "stratagem", units: 2 },
    ];
    const unit = tiers.find(({ id }) => id === explorer.id)?.millisPerUnit ?? millis(0n);
    const due = Number(
      events.reduce(
        (sum, { meter, units }) => sum + BigInt(units) * (meters.get(meter)?.weight ?? 0n) * unit,
        0n,
      ),
    );
    const first = await call(200, spent, "/usage", { events }, apiKey);
    hold(
      first.results.every(({ outcome }) => outcome === "charged"),
      `usage says ${JSON.stringify(first)}`,
    );
    hold(
      first.walletMillis === starter.totalMillis - due,
      `the wallet has ${first.walletMillis}, ${due} were due`,
    );
    const again = await call(200, spent, "/usage", { events }, apiKey);
    hold(
      again.results.every(({ outcome }) => outcome === "duplicate"),
      `usage sent again says ${JSON.stringify(again)}`,
    );
    hold(again.walletMillis === first.walletMillis, "usage sent again was charged again");
    return [
      first.walletMillis,
      `${printDucats(millis(BigInt(due)))} ducats for 2 events, sent twice, charged once`,
    ];
  });
  await step("credit status", async () => {
    const now = await call(200, status, "/credit-status", undefined, bearer);
    hold(
      now.walletMillis === wallet && now.transitMillis === 0,
      `wallet ${now.walletMillis}, transit ${now.transitMillis}`,
    );
    return [now, `${printDucats(millis(BigInt(wallet)))} ducats in the wallet, nothing on its way`];
  });
  await step("the books", async () => {
    const wrong = await owner(postgres.ownerUrl, "select * from balance_differences");
    hold(wrong.length === 0, `balances differ from their entries: ${JSON.stringify(wrong)}`);
    const sums = await owner(
      postgres.ownerUrl,
      "select currency, sum(amount)::text as sum from trial_balance group by 1 order by 1",
    );
    hold(
      sums.length === 2 && sums.every(({ sum }) => sum === "0"),
      `the trial balance is ${JSON.stringify(sums)}`,
    );
    return [sums, "every balance is the sum of its entries; ducats and dollars sum to 0"];
  });
}

async function owner(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

async function main(): Promise<number> {
  const words: string[] = [];
  let stack: Stack | undefined;
  let netlify: Netlify | undefined;
  const close = async (): Promise<void> => {
    await Promise.all([netlify?.stop(), stack?.close()]);
  };
  endWith(close, { withParent: false });
  try {
    const [sitePort, vitePort] = [await freePort(), await freePort()];
    const site = `http://localhost:${sitePort}`;
    const environment = chooseEnvironment({}, await withFreePorts(readProject().devVariables));
    console.log(
      "\n  CASCADE, the whole way from a dollar to a ducat in Venice, on a stack made for this run\n",
    );
    stack = await step("boot the stand-ins", async () => [
      await startStack({ environment, siteUrl: site }),
      "Postgres, Upstash, Stripe, Airtable and the game, a mailbox",
    ]);
    const folder = join(keptFolder, "functions");
    writeFunctionStubs(folder)();
    netlify = startNetlify({
      variables: environment.variables,
      sitePort,
      vitePort,
      functions: folder,
      onLine: (line) => void words.push(line),
    });
    const { ended } = netlify;
    await step("boot netlify dev", async () => {
      const died = new AbortController();
      void ended.then(() => {
        died.abort();
      });
      hold(await siteAnswers(site, AbortSignal.any([died.signal, deadline])), "netlify dev did not come up");
      return [site, site];
    });
    await run(site, stack);
    console.log(`\n  All of it held, in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s.\n`);
    return 0;
  } catch (error) {
    const reason =
      error instanceof Broken
        ? error.message
        : error instanceof Error
          ? (error.stack ?? error.message)
          : String(error);
    console.error(`\n  Broken at: ${current}\n  ${reason}\n`);
    if (words.length > 0) console.error(`  The last words of netlify dev:\n${words.slice(-25).join("\n")}\n`);
    return 1;
  } finally {
    await close();
  }
}

process.exit(await main());
