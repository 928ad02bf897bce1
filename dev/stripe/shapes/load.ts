/** Gives the shapes of the installed SDK, generated once per SDK version and kept on disk. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Shapes } from "./shape.ts";

export type Sdk = {
  /** The API version the SDK speaks. */
  readonly apiVersion: string;
  readonly shapes: Shapes;
};

let loaded: Promise<Sdk> | undefined;

export function loadSdk(): Promise<Sdk> {
  return (loaded ??= read());
}

async function read(): Promise<Sdk> {
  const { ApiVersion } = (await import(pathToApiVersion())) as { ApiVersion: string };
  return { apiVersion: ApiVersion, shapes: await readShapes() };
}

async function readShapes(): Promise<Shapes> {
  const root = packageRoot();
  const cached = join(dirname(root), ".cache", "cascade", `stripe-shapes-${fingerprint(root)}.json`);
  const kept = readIfThere(cached);
  if (kept !== undefined) return JSON.parse(kept) as Shapes;
  // The compiler is imported only when there is something to generate: it is half a second by itself.
  const { generateShapes } = await import("./generate.ts");
  const shapes = generateShapes(join(root, "esm", "resources"));
  mkdirSync(dirname(cached), { recursive: true });
  // Written aside and renamed, because several test processes may do this at the same moment.
  const aside = `${cached}.${process.pid}`;
  writeFileSync(aside, JSON.stringify(shapes));
  renameSync(aside, cached);
  return shapes;
}

function packageRoot(): string {
  // Resolves to `<package>/cjs/…`: the package exports no path to its own package.json.
  return dirname(dirname(createRequire(import.meta.url).resolve("stripe")));
}

function pathToApiVersion(): string {
  return pathToFileURL(join(packageRoot(), "esm", "apiVersion.js")).href;
}

/** Changes with the SDK and with the files that generate the shapes. */
function fingerprint(root: string): string {
  const hash = createHash("sha256");
  for (const name of ["generate.ts", "scope.ts", "shape.ts"]) {
    hash.update(readFileSync(fileURLToPath(new URL(name, import.meta.url))));
  }
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  return `${version}-${hash.digest("hex").slice(0, 12)}`;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
