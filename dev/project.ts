/** What netlify.toml says about development: variables, schedules, ports. One place for both ways of starting. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "smol-toml";
import { z } from "zod";

export const projectFolder = fileURLToPath(new URL("..", import.meta.url));

/** What the dev stack may leave on disk; not under version control. */
export const keptFolder = join(projectFolder, ".cascade");

/** Where the control centre listens; the other stand-ins' ports are in netlify.toml. */
export const CONTROL_PORT = 8930;

const schema = z.object({
  functions: z.record(z.string(), z.union([z.string(), z.object({ schedule: z.string().optional() })])),
  dev: z.object({ port: z.int(), targetPort: z.int() }),
  context: z.object({ dev: z.object({ environment: z.record(z.string(), z.string()) }) }),
});

export type Project = {
  /** `[context.dev.environment]`: the stand-ins' addresses and secrets. */
  readonly devVariables: Readonly<Record<string, string>>;
  readonly schedules: readonly { readonly functionName: string; readonly cron: string }[];
  /** Where the whole site answers. */
  readonly sitePort: number;
  /** Where Vite answers `netlify dev`. */
  readonly vitePort: number;
};

export function readProject(): Project {
  const text = readFileSync(new URL("../netlify.toml", import.meta.url), "utf8");
  const { functions, dev, context } = schema.parse(parse(text));
  return {
    devVariables: context.dev.environment,
    schedules: Object.entries(functions).flatMap(([functionName, entry]) =>
      typeof entry === "object" && entry.schedule ? [{ functionName, cron: entry.schedule }] : [],
    ),
    sitePort: dev.port,
    vitePort: dev.targetPort,
  };
}
