/** What is written down names all there is. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { root, textOf } from "../support/source.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

/** Names in backticks. */
function namesIn(text: string): Set<string> {
  return new Set([...text.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
}

async function relations(kind: "BASE TABLE" | "VIEW"): Promise<string[]> {
  const rows = await database.rows<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = $1",
    [kind],
  );
  return rows.map(({ name }) => name).sort();
}

test("docs/storage.md has a row for each table, and none for what isn't there", async () => {
  const rows = [...textOf("docs/storage.md").matchAll(/^\| `(\w+)`\s+\|/gm)].map(([, name]) => name);
  expect(rows.sort()).toEqual(await relations("BASE TABLE"));
});

test("docs/storage.md names each view", async () => {
  const named = namesIn(textOf("docs/storage.md"));
  for (const view of await relations("VIEW")) expect(named, view).toContain(view);
});

test("docs/storage.md names functions that exist", async () => {
  const rows = await database.rows<{ name: string }>(
    "select proname as name from pg_proc where pronamespace = 'public'::regnamespace",
  );
  const known = new Set(rows.map(({ name }) => name));
  const lastColumns = [...textOf("docs/storage.md").matchAll(/^\| `\w+`\s+\|.*\| (.*?)\s*\|$/gm)].map(
    ([, cell = ""]) => cell,
  );
  const tables = await relations("BASE TABLE");
  const named = lastColumns
    .flatMap((cell) => [...namesIn(cell)])
    .filter((name) => /^\w+$/.test(name) && !tables.includes(name));
  expect(named.length).toBeGreaterThan(10);
  for (const name of named) expect(known, name).toContain(name);
});

test("docs/storage.md names each limiter's counter in Redis, and each key of turns", () => {
  const named = [...namesIn(textOf("docs/storage.md"))].filter((name) => name.startsWith("cascade:"));
  const rules = readdirSync(join(root, "lib"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .flatMap((path) =>
      [...textOf(`lib/${path}`).matchAll(/(?:\{ name: |redisTurns\(core, )"([^"]+)"(?:, limit:|\))/g)].map(
        ([, name = ""]) => name,
      ),
    );
  expect(rules.length).toBeGreaterThanOrEqual(5);
  expect([...new Set(named.map((name) => name.split(":")[1]))].sort()).toEqual([...new Set(rules)].sort());
});

test("every table and view has a comment in the migration that makes it", () => {
  const silent = readdirSync(join(root, "migrations")).flatMap((name) => {
    const lines = textOf(`migrations/${name}`).split("\n");
    return lines.filter((line, index) => /^create (table|view) /.test(line) && !isExplained(lines, index));
  });
  expect(silent).toEqual([]);
});

/** By the lines above it, or above the block of statements it stands in. */
function isExplained(lines: readonly string[], index: number): boolean {
  for (let above = index - 1; above >= 0; above -= 1) {
    const line = lines[above] ?? "";
    if (line.startsWith("--")) return true;
    if (/^\);$|^\$\$;$/.test(line))
      return lines[index]?.startsWith("create view") === true && isExplained(lines, above);
  }
  return false;
}

/** The keys of the object that lib/env.ts's schema is made of. */
function variablesOfSchema(): string[] {
  const source = ts.createSourceFile("env.ts", textOf("lib/env.ts"), ts.ScriptTarget.Latest);
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    if (
      ts.isPropertyAssignment(node) &&
      ts.isIdentifier(node.name) &&
      /^[A-Z][A-Z0-9_]+$/.test(node.name.text)
    )
      names.push(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names.sort();
}

test(".env.example has every variable of the schema once and no other", () => {
  const named = [...textOf(".env.example").matchAll(/^#?\s*([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name);
  expect(variablesOfSchema().length).toBeGreaterThan(10);
  expect(named.sort()).toEqual(variablesOfSchema());
});

test(".env.example has a comment on each variable, groups, and no value: there are no default secrets", () => {
  const lines = textOf(".env.example").split("\n");
  const assignments = lines.flatMap((line, index) =>
    /^[A-Z]/.test(line) ? [{ line, above: lines[index - 1] ?? "" }] : [],
  );
  expect(assignments.length).toBeGreaterThan(10);
  for (const { line, above } of assignments) {
    expect(line).toMatch(/^[A-Z][A-Z0-9_]+=$/);
    expect(above, line).toMatch(/^# \S/);
  }
  expect(lines.filter((line) => /^# --- .+ -+$/.test(line)).length).toBeGreaterThanOrEqual(4);
});
