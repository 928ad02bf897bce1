/** The project's own source files and what each imports, as the compiler reads them. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import ts from "typescript";

export const root = resolve(import.meta.dirname, "../..");

/** Paths from the root, with `/`, of the TypeScript files in a folder and below it. */
export function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name).split(sep).join("/"))
    .filter((path) => path.endsWith(".ts") && statSync(join(root, path)).isFile())
    .sort();
}

export function textOf(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

export type Import = {
  readonly from: string;
  /** A path from the root, or a package's name without what follows it. */
  readonly to: string;
  readonly kind: "own" | "package" | "node";
  /** Gone when it runs. */
  readonly typeOnly: boolean;
};

/** Static and dynamic imports, and re-exports. */
export function importsOf(path: string): Import[] {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier))
      found.push(importOf(path, node.moduleSpecifier.text, isTypeOnly(node.importClause)));
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier))
      found.push(importOf(path, node.moduleSpecifier.text, node.isTypeOnly));
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [name] = node.arguments;
      // A computed name belongs to nobody: no rule of ours lets it pass where the product is concerned.
      found.push(importOf(path, name && ts.isStringLiteral(name) ? name.text : "(computed)", false));
    }
    ts.forEachChild(node, visit);
  };
  visit(parsed(path));
  return found;
}

function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const { name, namedBindings } = clause;
  return (
    !name &&
    !!namedBindings &&
    ts.isNamedImports(namedBindings) &&
    namedBindings.elements.every((each) => each.isTypeOnly)
  );
}

function importOf(from: string, name: string, typeOnly: boolean): Import {
  if (name.startsWith(".")) {
    const to = relative(root, resolve(root, dirname(from), name))
      .split(sep)
      .join("/");
    return { from, to, kind: "own", typeOnly };
  }
  if (name.startsWith("node:")) return { from, to: name, kind: "node", typeOnly };
  const [scope = "", rest = ""] = name.split("/");
  return { from, to: scope.startsWith("@") ? `${scope}/${rest}` : scope, kind: "package", typeOnly };
}

function parsed(path: string): ts.SourceFile {
  return ts.createSourceFile(path, textOf(path), ts.ScriptTarget.Latest);
}

/** `from -> to` of the imports that a rule forbids: what a failing test shows. */
export function offences(paths: readonly string[], isAllowed: (each: Import) => boolean): string[] {
  return paths
    .flatMap(importsOf)
    .filter((each) => !isAllowed(each))
    .map(({ from, to }) => `${from} -> ${to}`);
}

/** The identifiers and strings of a file, comments left out. */
export function tokensOf(path: string): string[] {
  const tokens: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) || ts.isStringLiteralLike(node)) tokens.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(parsed(path));
  return tokens;
}
