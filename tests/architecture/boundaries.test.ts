/** Who may import whom: functions ask capabilities, capabilities ask ports, ports ask vendors. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { importsOf, offences, root, sourceFiles, textOf, tokensOf, type Import } from "../support/source.ts";

const ports = ["db", "stripe", "venice", "game", "town", "redis", "mail"];
const capabilities = [
  "account",
  "catalog",
  "citizens",
  "delivery",
  "ledger",
  "letters",
  "operations",
  "purchase",
  "rate",
  "reconcile",
  "reserve",
  "subscription",
  "usage",
];
const edge = ["api", "http"];
/** What every part may use: no vendor, no port, no state. */
const small = ["clock", "env", "errors", "html", "ids", "log", "money", "processor", "trips"].map(
  (name) => `lib/${name}.ts`,
);

/** Each port's opener takes a request's core and dials nothing. */
const openers = ports.map((port) => `lib/${port}/open.ts`);
/** Shapes everywhere, and signatures, which ask no service. */
const signatures: Readonly<Record<string, readonly string[]>> = {
  jose: ["lib/account/access-token.ts"],
  "@simplewebauthn/server": ["lib/account/passkeys.ts", "lib/account/passkey-sign-in.ts"],
  "@scure/base": ["lib/account/wallet.ts"],
};
const always = ["zod", ...Object.keys(signatures)];
const upstash = ["@upstash/redis", "@upstash/ratelimit"];
const vendorsBehind: Record<string, string[]> = {
  db: ["@neondatabase/serverless", "pg"],
  stripe: ["stripe"],
  // Venice's pace is kept in Redis, in Postgres while Redis is away.
  venice: ["airtable", ...upstash, "@neondatabase/serverless", "pg"],
  town: ["airtable", ...upstash, "@neondatabase/serverless", "pg"],
  redis: upstash,
  mail: ["nodemailer"],
};

const within = (path: string, folders: readonly string[]): boolean =>
  folders.some((folder) => path.startsWith(`lib/${folder}/`));
const filesOf = (folders: readonly string[]): string[] =>
  folders.flatMap((folder) => sourceFiles(`lib/${folder}`));
const isOwn = (each: Import, allowed: boolean): boolean => each.kind !== "own" || allowed;

test("every folder of lib is a port, a capability or the edge, so that a new one has to be named here", () => {
  const entries = readdirSync(join(root, "lib"), { withFileTypes: true });
  const folders = entries.filter((each) => each.isDirectory()).map(({ name }) => name);
  expect(folders.sort()).toEqual([...ports, ...capabilities, ...edge].sort());
  const files = entries.filter((each) => each.isFile()).map(({ name }) => `lib/${name}`);
  expect(files.sort()).toEqual([...small, "lib/app.ts"].sort());
});

test("functions import declarations, capabilities, lib/http, lib/money and the openers of ports: no vendor, no SQL", () => {
  const allowed = ({ kind, to }: Import) =>
    kind === "own" &&
    (within(to, [...capabilities, ...edge]) || to === "lib/money.ts" || openers.includes(to));
  expect(offences(sourceFiles("netlify/functions"), allowed)).toEqual([]);
});

test("a function's bundle holds the vendors of the ports it names, and no other", () => {
  const heavier = sourceFiles("netlify/functions").flatMap((entry) => {
    const reached = reach(entry);
    const named = importsOf(entry).filter(({ to }) => openers.includes(to));
    const expected = new Set([
      ...always,
      ...named.flatMap(({ to }) => vendorsBehind[to.split("/")[1] ?? ""] ?? []),
    ]);
    return reached.filter((name) => !expected.has(name)).map((name) => `${entry} loads ${name}`);
  });
  expect(heavier).toEqual([]);
});

/** The packages that a file needs when it runs, through whatever it imports. */
function reach(path: string, seen = new Set<string>()): string[] {
  if (seen.has(path)) return [];
  seen.add(path);
  const imports = importsOf(path).filter(({ typeOnly }) => !typeOnly);
  const packages = imports.filter(({ kind }) => kind === "package").map(({ to }) => to);
  return [...packages, ...imports.filter(({ kind }) => kind === "own").flatMap(({ to }) => reach(to, seen))];
}

test("functions don't import one another", () => {
  expect(offences(sourceFiles("netlify/functions"), ({ to }) => !to.startsWith("netlify/"))).toEqual([]);
});

test("capabilities import no vendor's package: zod everywhere, each kind of signature where it is checked", () => {
  const allowed = ({ from, to, kind }: Import) =>
    kind !== "package" || to === "zod" || (signatures[to] ?? []).includes(from);
  expect(offences(filesOf(capabilities), allowed)).toEqual([]);
});

test("capabilities import capabilities, ports and small files: never what answers HTTP", () => {
  const allowed = (each: Import) =>
    isOwn(
      each,
      within(each.to, [...capabilities, ...ports]) || small.includes(each.to) || each.to === "lib/app.ts",
    );
  expect(offences(filesOf(capabilities), allowed)).toEqual([]);
});

test("capabilities know ports by their interface, not by the adapter that talks to the vendor", () => {
  const adapters = filesOf(ports).filter((path) =>
    importsOf(path).some(({ kind, to }) => kind === "package" && to !== "zod"),
  );
  expect(adapters.length).toBeGreaterThanOrEqual(5);
  const allowed = ({ to }: Import) => !adapters.includes(to);
  expect(offences(filesOf(capabilities), allowed)).toEqual([]);
});

test("capabilities take the app as a type: they open nothing themselves", () => {
  const allowed = ({ to, typeOnly }: Import) => to !== "lib/app.ts" || typeOnly;
  expect(offences(filesOf(capabilities), allowed)).toEqual([]);
});

test("ports import nothing of ours but small files, the pace that Venice keeps by Redis or Postgres, and the town Venice's Airtable", () => {
  const allowed = (each: Import) => {
    const sameFolder =
      each.from.split("/").slice(0, 2).join("/") === each.to.split("/").slice(0, 2).join("/");
    const pace =
      (each.from === "lib/venice/airtable.ts" && each.to === "lib/db/open.ts") ||
      (each.from === "lib/venice/pace.ts" && ["lib/redis/pace.ts", "lib/db/port.ts"].includes(each.to));
    const airtable =
      each.from === "lib/town/open.ts" && ["lib/venice/airtable.ts", "lib/venice/row.ts"].includes(each.to);
    const takesCore =
      openers.includes(each.from) ||
      ["lib/venice/airtable.ts", "lib/venice/pace.ts", "lib/redis/pace.ts"].includes(each.from);
    const core = takesCore && each.to === "lib/app.ts" && each.typeOnly;
    return isOwn(each, sameFolder || small.includes(each.to) || pace || airtable || core);
  };
  expect(offences(filesOf(ports), allowed)).toEqual([]);
});

test("each vendor's package is used in its port only", () => {
  const vendors: Record<string, string> = {
    stripe: "stripe",
    airtable: "venice",
    "@upstash/redis": "redis",
    "@upstash/ratelimit": "redis",
    "@neondatabase/serverless": "db",
    pg: "db",
    nodemailer: "mail",
  };
  const allowed = ({ from, to }: Import) => {
    const port = vendors[to];
    return port === undefined || from.startsWith(`lib/${port}/`);
  };
  expect(offences([...sourceFiles("lib"), ...sourceFiles("netlify")], allowed)).toEqual([]);
});

test("small files import small files only", () => {
  const allowed = (each: Import) =>
    each.kind === "own" ? small.includes(each.to) : each.kind === "node" || each.to === "zod";
  expect(offences(small, allowed)).toEqual([]);
});

test("declarations know catalogues and shapes: no port, no capability that acts", () => {
  const allowed = (each: Import) => {
    const pure =
      each.to.startsWith("lib/catalog/") ||
      [
        "lib/account/api-key.ts",
        "lib/citizens/name.ts",
        "lib/rate/target.ts",
        "lib/subscription/rules.ts",
      ].includes(each.to) ||
      small.includes(each.to);
    return isOwn(each, within(each.to, edge) || pure) && (each.kind !== "package" || each.to === "zod");
  };
  expect(offences(filesOf(["api"]), allowed)).toEqual([]);
});

test("lib and the functions import nothing of dev, tests, cli, site or bench", () => {
  const shipped = [...sourceFiles("lib"), ...sourceFiles("netlify")];
  expect(offences(shipped, (each) => isOwn(each, /^(lib|netlify)\//.test(each.to)))).toEqual([]);
});

test("what ships is installed as a dependency, not for development only", () => {
  const { dependencies } = JSON.parse(textOf("package.json")) as { dependencies: Record<string, string> };
  const shipped = [...sourceFiles("lib"), ...sourceFiles("netlify")];
  expect(offences(shipped, ({ kind, to }) => kind !== "package" || to in dependencies)).toEqual([]);
});

test("the stand-ins know nothing of the product: only the stack's own files, directly in dev, may", () => {
  const standIns = sourceFiles("dev").filter((path) => path.split("/").length > 2);
  expect(standIns.length).toBeGreaterThan(20);
  expect(offences(standIns, (each) => isOwn(each, each.to.startsWith("dev/")))).toEqual([]);
});

test("nothing imports tests but tests", () => {
  const others = ["lib", "netlify", "dev", "cli", "site"].flatMap(sourceFiles);
  expect(offences(others, ({ to }) => !to.startsWith("tests/"))).toEqual([]);
});

test("no import goes round in a circle", () => {
  const graph = new Map(
    ["lib", "netlify", "dev", "cli"].flatMap(sourceFiles).map((path) => {
      // Types may refer to each other.
      const own = importsOf(path).filter(({ kind, typeOnly }) => kind === "own" && !typeOnly);
      return [path, own.map(({ to }) => to)] as const;
    }),
  );
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
    if (trail.includes(path) || done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  expect(circles).toEqual([]);
});

test("the environment is read in lib/env.ts and nowhere else", () => {
  const readers = [...sourceFiles("lib"), ...sourceFiles("netlify")].filter((path) =>
    tokensOf(path).some((token) => token === "process" || token === "node:process" || token === "Netlify"),
  );
  expect(readers).toEqual(["lib/env.ts"]);
  // The operator's commands set exit codes, so they name the process, and leave its environment alone.
  expect(sourceFiles("cli").filter((path) => /process\.env/.test(stripComments(path)))).toEqual([]);
});

test("SQL stands in capabilities and ports, and on no function's or declaration's page", () => {
  const files = [...sourceFiles("netlify"), ...filesOf(edge)];
  expect(
    files.filter((path) =>
      /\bsql`|\b(select|insert|update|delete) .*\b(from|into|set)\b/i.test(stripComments(path)),
    ),
  ).toEqual([]);
});

test("capabilities call functions and read views: they name no table", () => {
  const tables = sourceTables();
  expect(tables).toContain("accounts");
  const named = filesOf(capabilities).flatMap((path) =>
    [...textOf(path).matchAll(/sql`([^`]*)`/g)].flatMap(([, statement = ""]) =>
      tables
        .filter((table) => new RegExp(`\\b(from|join|into|update|table)\\s+${table}\\b`, "i").test(statement))
        .map((table) => `${path}: ${table}`),
    ),
  );
  expect(named).toEqual([]);
});

function sourceTables(): string[] {
  const migrations = readdirSync(join(root, "migrations")).map((name) => textOf(`migrations/${name}`));
  return migrations.flatMap((text) =>
    [...text.matchAll(/^create table (\w+)/gm)].map(([, name = ""]) => name),
  );
}

function stripComments(path: string): string {
  return textOf(path)
    .replace(/\/\*[^]*?\*\//g, "")
    .replace(/\/\/.*$/gm, "");
}

test("every file of lib opens with a sentence on what it is", () => {
  const silent = sourceFiles("lib").filter((path) => !/^\/\*\*[^]*?[.:][^]*?\*\//.test(textOf(path)));
  expect(silent).toEqual([]);
});

test("migrations have names that Netlify takes, numbered without a gap", () => {
  const names = readdirSync(join(root, "migrations")).sort();
  for (const [index, name] of names.entries())
    expect(name).toMatch(new RegExp(`^${String(index + 1).padStart(4, "0")}_[a-z0-9_]+\\.sql$`));
});
