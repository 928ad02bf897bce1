/** The environment: every fault is named at once, and no value is ever shown. */
import { expect, test } from "vitest";
import { BadEnvironment, isLive, parseEnv } from "../../lib/env.ts";

const good = {
  URL: "https://site-secret.example.com",
  DATABASE_URL: "postgres://cascade_app:pass-secret@db.example.com/cascade",
  STRIPE_SECRET_KEY: "sk_test_secret",
  STRIPE_WEBHOOK_SECRET: "whsec_secret",
  AIRTABLE_API_KEY: "pat-secret",
  AIRTABLE_BASE_ID: "appSecret",
  UPSTASH_REDIS_REST_URL: "https://redis-secret.example.com",
  UPSTASH_REDIS_REST_TOKEN: "token-secret",
  JWT_SECRET_KEY: "a secret of thirty-two characters or more",
};

function fault(variables: Record<string, string | undefined>): string {
  try {
    parseEnv(variables);
  } catch (error) {
    if (error instanceof BadEnvironment) return error.message;
    throw error;
  }
  throw new Error("it was accepted");
}

test("what must be set is enough; the rest has its defaults", () => {
  expect(parseEnv(good)).toMatchObject({
    ...good,
    DATABASE_DRIVER: "neon",
    AIRTABLE_REQUESTS_PER_SECOND: 2,
    RESERVE_FLOOR_DUCATS: 100_000,
  });
});

test("every missing variable is named at once", () => {
  const message = fault({});
  for (const name of Object.keys(good)) expect(message).toContain(`${name} is not set`);
  expect(message).toContain(".env.example");
});

test.each(Object.keys(good))("%s empty counts as not set", (name) => {
  expect(fault({ ...good, [name]: "" })).toContain(`${name} is not set`);
});

test("an empty optional variable is as if it weren't there", () => {
  const parsed = parseEnv({
    ...good,
    STRIPE_API_BASE: "",
    RESEND_API_KEY: "",
    AIRTABLE_REQUESTS_PER_SECOND: "",
    DATABASE_DRIVER: "",
  });
  expect(parsed).toEqual(parseEnv(good));
});

const wrong = {
  DATABASE_URL: "mysql://wrong-secret-1",
  MIGRATION_DATABASE_URL: "wrong-secret-2",
  DATABASE_DRIVER: "wrong-secret-3",
  NEON_FETCH_ENDPOINT: "ftp://wrong-secret-4",
  STRIPE_SECRET_KEY: "pk_test_wrong-secret-5",
  STRIPE_WEBHOOK_SECRET: "wrong-secret-6",
  STRIPE_API_BASE: "wrong-secret-7",
  AIRTABLE_BASE_ID: "wrong-secret-8",
  AIRTABLE_ENDPOINT_URL: "wrong-secret-9",
  AIRTABLE_REQUESTS_PER_SECOND: "wrong-secret-10",
  RESERVE_FLOOR_DUCATS: "-1.5",
  LIMIT_TRANSACTION_CENTS: "-1.5",
  LIMIT_ACCOUNT_DAY_CENTS: "wrong-secret-17",
  LIMIT_ACCOUNT_MONTH_CENTS: "wrong-secret-18",
  LIMIT_CITIZEN_DAY_CENTS: "wrong-secret-19",
  LIMIT_CITIZEN_MONTH_CENTS: "wrong-secret-20",
  UPSTASH_REDIS_REST_URL: "redis://wrong-secret-11",
  JWT_SECRET_KEY: "wrong-secret-12",
  MAIL_API_BASE: "wrong-secret-13",
  MAIL_FROM: "wrong-secret-14",
  OPERATOR_EMAIL: "wrong-secret-15",
  SMTP_URL: "http://wrong-secret-16",
};

test("every wrong variable is named at once, and no value is printed", () => {
  const message = fault({ ...good, ...wrong });
  for (const name of Object.keys(wrong)) expect(message).toContain(name);
  expect(message).not.toMatch(/wrong-secret|mysql|pk_test|redis:|-1\.5/);
  for (const value of Object.values(good)) expect(message).not.toContain(value);
});

test.each([
  ["DATABASE_URL", "not a url"],
  ["DATABASE_URL", "https://db.example.com"],
  ["STRIPE_SECRET_KEY", "sk_live_"],
  ["STRIPE_SECRET_KEY", "sk_test_a b"],
  ["STRIPE_SECRET_KEY", " sk_test_a"],
  ["STRIPE_WEBHOOK_SECRET", "sk_test_a"],
  ["AIRTABLE_BASE_ID", "tblSecret"],
  ["AIRTABLE_REQUESTS_PER_SECOND", "0"],
  ["AIRTABLE_REQUESTS_PER_SECOND", "1.5"],
  ["RESERVE_FLOOR_DUCATS", "many"],
  ["LIMIT_TRANSACTION_CENTS", "0"],
  ["LIMIT_ACCOUNT_DAY_CENTS", "500.5"],
  ["LIMIT_CITIZEN_MONTH_CENTS", "$500"],
  ["JWT_SECRET_KEY", "thirty-one characters, one less"],
  ["DATABASE_DRIVER", "sqlite"],
])("%s refuses %j", (name, value) => {
  expect(fault({ ...good, [name]: value })).toMatch(new RegExp(`${name}: `));
});

test.each(["sk_test_1", "rk_test_1", "sk_live_1", "rk_live_1"])("%s is a key of Stripe's", (key) => {
  const parsed = parseEnv({ ...good, STRIPE_SECRET_KEY: key });
  expect(isLive(parsed)).toBe(key.includes("live"));
});

test.each(["sk_live_1", "rk_live_1"])(
  "%s together with a stand-in's address is refused: real keys go to Stripe only",
  (key) => {
    const message = fault({ ...good, STRIPE_SECRET_KEY: key, STRIPE_API_BASE: "http://127.0.0.1:12111" });
    expect(message).toContain("STRIPE_API_BASE");
    expect(message).not.toContain(key);
    expect(message).not.toContain("127.0.0.1");
  },
);

test("a test key may go to a stand-in", () => {
  expect(parseEnv({ ...good, STRIPE_API_BASE: "http://127.0.0.1:12111" }).STRIPE_API_BASE).toBe(
    "http://127.0.0.1:12111",
  );
});

test("Netlify's own database serves where none is set, and comes second where one is", () => {
  const { DATABASE_URL, ...rest } = good;
  const given = "postgres://owner:secret@netlify.example.com/main";
  expect(parseEnv({ ...rest, NETLIFY_DB_URL: given }).DATABASE_URL).toBe(given);
  expect(parseEnv({ ...rest, DATABASE_URL: "", NETLIFY_DB_URL: given }).DATABASE_URL).toBe(given);
  expect(parseEnv({ ...good, NETLIFY_DB_URL: given }).DATABASE_URL).toBe(DATABASE_URL);
});

test("limits are whole cents, and none where none is set", () => {
  expect(parseEnv({ ...good, LIMIT_ACCOUNT_DAY_CENTS: "50000" }).LIMIT_ACCOUNT_DAY_CENTS).toBe(50_000);
  expect(parseEnv({ ...good, LIMIT_ACCOUNT_DAY_CENTS: "" }).LIMIT_ACCOUNT_DAY_CENTS).toBeUndefined();
});

test("a mail provider's key needs a sender and somebody to write to", () => {
  expect(fault({ ...good, RESEND_API_KEY: "re_secret" })).toMatch(
    /RESEND_API_KEY: needs MAIL_FROM and OPERATOR_EMAIL/,
  );
  const mail = {
    RESEND_API_KEY: "re_secret",
    MAIL_FROM: "CASCADE <a@example.com>",
    OPERATOR_EMAIL: "b@example.com",
  };
  expect(parseEnv({ ...good, ...mail })).toMatchObject(mail);
});

test("a mail server needs a sender and somebody to write to, and no other way beside it", () => {
  const SMTP_URL = "smtps://user:smtp-secret%25@mail.example.com:465";
  expect(fault({ ...good, SMTP_URL })).toMatch(/SMTP_URL: needs MAIL_FROM and OPERATOR_EMAIL/);
  const mail = { SMTP_URL, MAIL_FROM: "CASCADE <a@example.com>", OPERATOR_EMAIL: "b@example.com" };
  expect(parseEnv({ ...good, ...mail })).toMatchObject(mail);
  expect(parseEnv({ ...good, ...mail, RESEND_API_KEY: "" })).toMatchObject(mail);
  const both = fault({ ...good, ...mail, RESEND_API_KEY: "re_secret" });
  expect(both).toMatch(/SMTP_URL: must not be set together with RESEND_API_KEY/);
  expect(both).not.toContain("smtp-secret");
});

test.each(["smtp:", "smtp://", "https://mail.example.com", "smtp://user:100%@mail.example.com"])(
  "SMTP_URL refuses %j",
  (url) => {
    expect(fault({ ...good, SMTP_URL: url })).toMatch(/SMTP_URL: must/);
  },
);

test("foreign variables are left alone", () => {
  expect(parseEnv({ ...good, PATH: "/bin", HOME: "/root" })).not.toHaveProperty("PATH");
});
