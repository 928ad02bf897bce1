/** One file is one deployed function, each declared once, and building or importing it does nothing. */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "smol-toml";
import ts from "typescript";
import { expect, test } from "vitest";
import { declarations } from "../../lib/api/all.ts";
import { root, sourceFiles, textOf } from "../support/source.ts";

const folder = "netlify/functions";
const entries = readdirSync(join(root, folder)).sort();
const names = declarations.map(({ name }) => name).sort();

test("netlify/functions holds function files and nothing else: everything in it is deployed", () => {
  expect(entries).toEqual(names.map((name) => `${name}.ts`).sort());
  expect(readdirSync(join(root, "netlify"))).toEqual(["functions"]);
});

test("each function has one declaration, under its file's name", () => {
  expect(new Set(names).size).toBe(names.length);
  const declared = sourceFiles("lib/api").flatMap((path) =>
    [...textOf(path).matchAll(/declare\(\{\s*name: "([^"]+)"/g)].map(([, name]) => name),
  );
  expect(declared.sort()).toEqual(names);
});

test.each(entries)(
  "%s exports its endpoint, and no configuration that Netlify would lose or misread",
  (entry) => {
    const source = ts.createSourceFile(entry, textOf(`${folder}/${entry}`), ts.ScriptTarget.Latest);
    const exported = source.statements.flatMap((statement) => {
      if (ts.isExportAssignment(statement)) return ["default"];
      const isExported =
        ts.canHaveModifiers(statement) &&
        ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
      return isExported === true || ts.isExportDeclaration(statement) ? [statement.getText(source)] : [];
    });
    expect(exported).toEqual(["default"]);
    expect(textOf(`${folder}/${entry}`)).toContain("export default endpoint(");
  },
);

test("what is scheduled in netlify.toml is declared so, and the other way round", () => {
  const config = parse(textOf("netlify.toml")) as {
    functions: Record<string, { schedule?: string } | string>;
  };
  const scheduled = Object.entries(config.functions)
    .filter(([, each]) => typeof each === "object" && each.schedule !== undefined)
    .map(([name]) => name);
  expect(scheduled.sort()).toEqual(
    declarations
      .filter((each) => each.scheduled)
      .map(({ name }) => name)
      .sort(),
  );
});

/** Runs in a process of its own, where nothing but the functions is loaded. */
const importer = `
import net from "node:net";
import tls from "node:tls";
import dns from "node:dns";
const done = [];
const refuse = (what) => () => { done.push(what); throw new Error(what + " at import"); };
net.Socket.prototype.connect = refuse("net.connect");
net.Server.prototype.listen = refuse("net.listen");
tls.connect = refuse("tls.connect");
dns.lookup = refuse("dns.lookup");
globalThis.fetch = refuse("fetch");
const real = process.env;
const ours = (stack) => stack.split("\\n").slice(2, 4).some((line) => /\\/(lib|netlify)\\//.test(line));
const watched = (what) => (target, ...args) => {
  if (ours(new Error().stack)) done.push("process.env: " + what + " " + String(args[0] ?? ""));
  return Reflect[what](target, ...args);
};
process.env = new Proxy(real, Object.fromEntries(["get", "has", "ownKeys", "set"].map((what) => [what, watched(what)])));
for (const file of JSON.parse(process.argv[1])) {
  const { default: handler } = await import(file);
  if (typeof handler !== "function") done.push(file + " exports no function");
}
process.stdout.write(JSON.stringify({ done, handles: process.getActiveResourcesInfo().filter((each) => /Timeout|TCP|Immediate/.test(each)) }));
`;

test("importing every function with an empty environment opens nothing, reads no variable and leaves nothing running", async () => {
  const files = entries.map((entry) => join(root, folder, entry));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "--eval", importer, JSON.stringify(files)],
    { env: {}, cwd: root, timeout: 20_000 },
  );
  expect(JSON.parse(stdout)).toEqual({ done: [], handles: [] });
});

const sdks = [
  "stripe",
  "airtable",
  "@upstash/redis",
  "@upstash/ratelimit",
  "@neondatabase/serverless",
  "jose",
  "pg",
  "nodemailer",
  "@simplewebauthn/server",
];

test("importing every function loads no vendor's SDK: each costs a cold start, and is loaded when first asked", async () => {
  const lister = `
import { registerHooks } from "node:module";
const loaded = new Set();
registerHooks({ load(url, context, next) { loaded.add(url); return next(url, context); } });
for (const file of JSON.parse(process.argv[1])) await import(file);
process.stdout.write(JSON.stringify([...loaded]));`;
  const files = entries.map((entry) => join(root, folder, entry));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "--eval", lister, JSON.stringify(files)],
    { env: {}, cwd: root, timeout: 20_000, maxBuffer: 10_000_000 },
  );
  const loaded = JSON.parse(stdout) as string[];
  expect(loaded.some((url) => url.includes("/node_modules/zod/"))).toBe(true);
  for (const sdk of sdks) expect(loaded.filter((url) => url.includes(`/node_modules/${sdk}/`))).toEqual([]);
});
