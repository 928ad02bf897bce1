/** The dev stack on free ports: what it makes, what it hands the functions, how it ends, and whom a busy port belongs to. */
import { randomUUID } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import pg from "pg";
import { afterEach, describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { startAirtable } from "../../dev/airtable/start.ts";
import { startCentre } from "../../dev/centre.ts";
import {
  assertSeenByFunctions,
  BadChoice,
  chooseEnvironment,
  readGiven,
  withFreePorts,
} from "../../dev/environment.ts";
import { assertPortsFree, holderOf, PortBusy } from "../../dev/ports.ts";
import { projectFolder, readProject } from "../../dev/project.ts";
import { createSchedules, gameJob, townJob } from "../../dev/schedules.ts";
import { portsOf, startStack, type Stack } from "../../dev/stack.ts";
import { startUpstash } from "../../dev/upstash/start.ts";
import { DAY_MS } from "../../lib/clock.ts";
import { openNeon } from "../../lib/db/neon.ts";
import { sql } from "../../lib/db/port.ts";
import { parseEnv } from "../../lib/env.ts";
import { readInputs } from "../../lib/rate/inputs.ts";

const { devVariables, schedules } = readProject();
/** `netlify dev` adds its own address to what netlify.toml has. */
const site = "http://localhost:8888";

describe("the stack", () => {
  let stack: Stack | undefined;
  afterEach(async () => {
    await stack?.close();
    stack = undefined;
  });

  test("boots on free ports with schema, catalogue and processor, and leaves nothing behind", async () => {
    const environment = chooseEnvironment({}, await withFreePorts(devVariables));
    stack = await startStack({ environment, siteUrl: "http://localhost:1" });
    const env = parseEnv(stack.variables);
    expect(env.STRIPE_API_BASE).toBe(stack.stripe?.url);
    expect(env.AIRTABLE_ENDPOINT_URL).toBe(stack.airtable?.url);
    expect(env.UPSTASH_REDIS_REST_URL).toBe(stack.upstash?.url);
    expect(env.MAIL_API_BASE).toBe(stack.mailbox?.url);

    // As the functions do: the application's own role, over the real driver.
    const database = openNeon(
      { url: env.DATABASE_URL, fetchEndpoint: env.NEON_FETCH_ENDPOINT },
      () => undefined,
    );
    const who = await database.one(
      sql`select session_user::text as role, (select count(*) from trial_balance)::int as entries`,
      z.object({ role: z.string(), entries: z.int() }),
    );
    expect(who).toEqual({ role: "cascade_app", entries: 0 });
    expect(stack.stripe?.world.products.oldestFirst()).toHaveLength(10);
    expect(stack.stripe?.world.endpoints.oldestFirst().map(({ endpoint }) => endpoint.url)).toEqual([
      "http://localhost:1/.netlify/functions/stripe-webhook",
    ]);
    expect(stack.stripe?.check()).toEqual([]);
    expect(stack.airtable?.citizen("CASCADE_PAYMENT_PROCESSOR")?.fields["Ducats"]).toBe(1_000_000);

    const ports = portsOf(environment);
    await stack.close();
    await expect(assertPortsFree(ports)).resolves.toBeUndefined();
  });

  test("days advanced at Stripe pass one by one, in Venice and for the functions, too", async () => {
    const environment = chooseEnvironment({}, await withFreePorts(devVariables));
    const passed: number[] = [];
    const afterDay = (from: Date, to: Date) =>
      Promise.resolve(void passed.push(Math.round((to.getTime() - from.getTime()) / DAY_MS)));
    stack = await startStack({ environment, siteUrl: "http://localhost:1", afterDay });
    const { stripe, airtable } = stack;
    const by = { days: 3 };
    await fetch(`${stripe?.url ?? ""}/_control/billing/advance`, {
      method: "POST",
      body: JSON.stringify(by),
    });
    await vi.waitFor(() => {
      expect(passed).toEqual([1, 1, 1]);
    });
    const then = Date.now() + 3 * DAY_MS;
    const written = airtable?.setDucats("CASCADE_PAYMENT_PROCESSOR", 5).fields["UpdatedAt"];
    for (const moment of [String(written), stack.clock.now(), await functionsNow(stripe?.url)])
      expect(Math.abs(new Date(moment).getTime() - then)).toBeLessThan(60_000);
    expect(Math.abs((await functionsNow("")).getTime() - Date.now())).toBeLessThan(60_000);
  });

  test("leaves a service of your own alone", async () => {
    const defaults = await withFreePorts(devVariables);
    const own = {
      STRIPE_SECRET_KEY: "sk_test_mine",
      STRIPE_WEBHOOK_SECRET: "whsec_mine",
      UPSTASH_REDIS_REST_URL: "",
    };
    const environment = chooseEnvironment(own, defaults);
    stack = await startStack({ environment, siteUrl: "http://localhost:1" });
    expect(stack.stripe).toBeUndefined();
    expect(stack.upstash).toBeDefined();
    const env = parseEnv(stack.variables);
    expect(env.STRIPE_SECRET_KEY).toBe("sk_test_mine");
    expect(env.STRIPE_API_BASE).toBeUndefined();
  });

  test("a busy port is reported with its holder, and nothing stays running", async () => {
    const environment = chooseEnvironment({}, await withFreePorts(devVariables));
    const port = portsOf(environment)["the mailbox"] ?? 0;
    const holder = await listen(port);
    try {
      await expect(startStack({ environment, siteUrl: "http://localhost:1" })).rejects.toThrow(
        new RegExp(
          `^Port ${port}, for the mailbox, is taken by process ${process.pid} \\(.+\\): end it and start again\\.$`,
        ),
      );
      expect(await holderOf(port)).toMatchObject({ pid: process.pid });
    } finally {
      await new Promise((done) => holder.close(done));
    }
    await expect(assertPortsFree(portsOf(environment))).resolves.toBeUndefined();
  });
});

describe("the choice of services", () => {
  test("netlify.toml alone is complete, and all of it stand-ins", () => {
    const { variables, standIns } = chooseEnvironment({}, devVariables);
    expect(() => parseEnv({ ...variables, URL: site })).not.toThrow();
    expect([...standIns]).toEqual(["postgres", "upstash", "stripe", "airtable", "mailbox"]);
  });

  test("half of a service is refused, by the names of what is missing", () => {
    expect(() => chooseEnvironment({ STRIPE_SECRET_KEY: "sk_test_mine" }, devVariables)).toThrow(
      "STRIPE_SECRET_KEY is yours, so STRIPE_WEBHOOK_SECRET must be yours, too.",
    );
    expect(() => chooseEnvironment({ AIRTABLE_ENDPOINT_URL: "http://127.0.0.1:1" }, devVariables)).toThrow(
      BadChoice,
    );
  });

  test("a database of your own drops the gateway and the owner of the stand-in's", () => {
    const { variables, standIns } = chooseEnvironment(
      { DATABASE_URL: "postgres://me@db.example/mine" },
      devVariables,
    );
    expect(standIns.has("postgres")).toBe(false);
    expect(parseEnv({ ...variables, URL: site })).toMatchObject({
      DATABASE_URL: "postgres://me@db.example/mine",
    });
    expect([variables["NEON_FETCH_ENDPOINT"], variables["MIGRATION_DATABASE_URL"]]).toEqual(["", ""]);
  });

  test("a mail server of your own drops all that leads to Resend; your own Resend beside it is refused", () => {
    const own = {
      SMTP_URL: "smtp://mail.example.net",
      MAIL_FROM: "me@example.net",
      OPERATOR_EMAIL: "me@example.net",
    };
    const { variables, standIns } = chooseEnvironment(own, devVariables);
    expect(standIns.has("mailbox")).toBe(false);
    expect(parseEnv({ ...variables, URL: site })).toMatchObject(own);
    expect([variables["RESEND_API_KEY"], variables["MAIL_API_BASE"]]).toEqual(["", ""]);
    expect(() => chooseEnvironment({ SMTP_URL: own.SMTP_URL }, devVariables)).toThrow(
      "SMTP_URL is yours, so MAIL_FROM and OPERATOR_EMAIL must be yours, too.",
    );
    const both = chooseEnvironment({ ...own, RESEND_API_KEY: "re_mine" }, devVariables);
    expect(() => parseEnv({ ...both.variables, URL: site })).toThrow(
      /SMTP_URL: must not be set together with RESEND_API_KEY/,
    );
  });

  test("the process comes before .env files, the local ones before the others, as netlify dev reads them", async () => {
    const folder = join(tmpdir(), `cascade-env-${randomUUID()}`);
    await mkdir(folder);
    try {
      await writeFile(join(folder, ".env"), "A=1\nB=1\nC=1\nD='1 #1'\n");
      await writeFile(join(folder, ".env.local"), "B=2\nC=2\n");
      expect(readGiven(folder, { C: "3" })).toEqual({ A: "1", B: "2", C: "3", D: "1 #1" });
      expect(readGiven(join(folder, "none"), { C: "3" })).toEqual({ C: "3" });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("under netlify dev alone, what the functions would see otherwise is named", () => {
    const given = { ...devVariables, STRIPE_SECRET_KEY: "sk_test_mine", STRIPE_WEBHOOK_SECRET: "whsec_mine" };
    expect(() => {
      assertSeenByFunctions(chooseEnvironment(given, devVariables), given);
    }).toThrow(/add STRIPE_API_BASE= \(empty\) to \.env/);
    const emptied = { ...given, STRIPE_API_BASE: "" };
    expect(() => {
      assertSeenByFunctions(chooseEnvironment(emptied, devVariables), emptied);
    }).not.toThrow();
  });
});

describe("schedules", () => {
  test("netlify.toml's are read, and anything can be fired now", async () => {
    expect(schedules).toEqual([
      { functionName: "deliver-ducats", cron: "* * * * *" },
      { functionName: "replenishment-check", cron: "0 * * * *" },
      { functionName: "send-letters", cron: "* * * * *" },
      { functionName: "forget-expired", cron: "20 4 * * *" },
      { functionName: "refresh-citizens", cron: "*/5 * * * *" },
      { functionName: "notify-citizens", cron: "* * * * *" },
      { functionName: "update-rate", cron: "0 * * * *" },
      { functionName: "reconcile-stripe", cron: "*/10 * * * *" },
      { functionName: "keep-subscriptions", cron: "10 * * * *" },
    ]);
    const failing = {
      name: "failing",
      cron: "0 * * * *",
      about: "",
      run: () => Promise.reject(new Error("no site")),
    };
    const fine = {
      name: "fine",
      cron: "0 * * * *",
      about: "<b>",
      run: () => Promise.resolve({ ok: true, said: "done" }),
    };
    const running = createSchedules([failing, fine], () => undefined);
    const centre = await startCentre({ port: 0, addresses: [], schedules: running });
    const fire = (name: string, headers = {}) =>
      fetch(`${centre.url}/_control/schedules/${name}`, { method: "POST", headers, redirect: "manual" });
    try {
      expect(await (await fire("fine")).json()).toMatchObject({ ok: true, said: "done" });
      const failed = await fire("failing");
      expect([failed.status, await failed.json()]).toEqual([
        502,
        expect.objectContaining({ ok: false, said: "no site" }),
      ]);
      expect((await fire("unknown")).status).toBe(404);
      expect((await fire("fine", { "sec-fetch-site": "cross-site" })).status).toBe(403);
      const form = await fire("fine", { "content-type": "application/x-www-form-urlencoded" });
      expect([form.status, form.headers.get("location")]).toEqual([303, "/"]);
      const page = await (await fetch(centre.url)).text();
      expect(page).toContain("no site");
      expect(page).toContain("&lt;b&gt;");
    } finally {
      running.close();
      await centre.close();
    }
  });

  test("what came due in time that was passed over is fired once", async () => {
    const fired: string[] = [];
    const job = (name: string, cron: string) => ({
      ...{ name, cron, about: "" },
      run: () => Promise.resolve({ ok: true, said: String(fired.push(name)) }),
    });
    const jobs = [
      job("each minute", "* * * * *"),
      job("each hour", "10 * * * *"),
      job("by night", "20 4 * * *"),
    ];
    const running = createSchedules(jobs, () => undefined);
    await running.passOver(new Date("2026-11-20T03:11:00Z"), new Date("2026-11-20T04:09:00Z"));
    expect(fired).toEqual([]);
    await running.passOver(new Date("2026-11-20T04:09:00Z"), new Date("2026-11-20T04:19:00Z"));
    expect(fired).toEqual(["each hour"]);
    await running.passOver(new Date("2026-11-20T04:19:00Z"), new Date("2026-12-20T00:00:00Z"));
    expect(fired).toEqual(["each hour", "each hour", "by night"]);
    running.close();
  });

  test("the game's job says what the game did", async () => {
    const airtable = await startAirtable();
    try {
      expect(await gameJob(airtable).run(null)).toEqual({ ok: true, said: "nothing to execute" });
    } finally {
      await airtable.close();
    }
  });
});

test("the town's job writes what the rate can read", async () => {
  const upstash = await startUpstash();
  try {
    expect((await townJob(upstash).run(null)).ok).toBe(true);
    const written = await upstash.run([
      "hmget",
      "consciousness:stats",
      "avg_level",
      "coherence",
      "updated_at",
    ]);
    const [level = null, coherence = null, updatedAt = null] = written as string[];
    expect(readInputs({ level, coherence, updatedAt }, new Date()).kind).toBe("fresh");
  } finally {
    await upstash.close();
  }
});

test("a kept database meets vendors that begin empty", async () => {
  const keepIn = join(tmpdir(), `cascade-kept-${randomUUID()}`);
  await mkdir(keepIn);
  try {
    const environment = chooseEnvironment({}, await withFreePorts(devVariables));
    const first = await startStack({ environment, siteUrl: "http://localhost:1", keepIn });
    const client = new pg.Client({ connectionString: first.postgres?.ownerUrl });
    await client.connect();
    await client.query("insert into reserve (purse_millis, read_at) values (999475500, now())");
    await client.end();
    await first.close();

    const second = await startStack({ environment, siteUrl: "http://localhost:1", keepIn });
    expect(second.airtable?.citizen("CASCADE_PAYMENT_PROCESSOR")?.fields["Ducats"]).toBe(999_475.5);
    await second.close();
  } finally {
    await rm(keepIn, { recursive: true, force: true });
  }
});

/** The time in a thread that has begun as a function's does. */
function functionsNow(stripeUrl = ""): Promise<Date> {
  const clock = pathToFileURL(join(projectFolder, "dev", "functions-clock.ts")).href;
  const source = `await import("${clock}"); (await import("node:worker_threads")).parentPort.postMessage(
    [new Date() instanceof Date, new Date(0).getTime() === 0, Date.parse(Date()) > Date.now() - 2000, Date.now()]);`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
  const thread = new Worker(url, { env: { STRIPE_API_BASE: stripeUrl } });
  return new Promise((resolve, reject) => {
    thread.once("error", reject);
    thread.once("message", ([isDate, staysWhatItIs, isText, now]) => {
      expect([isDate, staysWhatItIs, isText]).toEqual([true, true, true]);
      resolve(new Date(Number(now)));
    });
  });
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      resolve(server);
    });
  });
}

test("PortBusy names what the port is for", async () => {
  const server = await listen(0);
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  await expect(assertPortsFree({ "the site": port })).rejects.toBeInstanceOf(PortBusy);
  await new Promise((done) => server.close(done));
});
