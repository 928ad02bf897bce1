/** `npm run sign-in`: sign-ins per second, CASCADE beside better-auth, on this machine. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chart } from "./sign-in/chart.ts";
import { compare, type Comparison } from "./sign-in/figures.ts";
import type { Round } from "./sign-in/messages.ts";
import { startContestant, type Contestant } from "./sign-in/process.ts";
import { machineLine, table, type Result } from "./sign-in/result.ts";
import { startWorld, type DatabaseName, type World } from "./sign-in/world.ts";

const wantedRatio = 2;
const numbersOfClients = [1, 8];
const warmUpSeconds = 2;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "6" },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);

const world = await startWorld();
try {
  const result = await measure(world);
  console.log(`\n${table(result)}\n\n${machineLine(result)}`);
  if (rounds >= 3 && seconds >= 6) await keep(result);
  else console.log("Too short a run to be kept: results/ is as it was.");
  for (const objection of objectionsTo(result)) {
    console.error(objection);
    process.exitCode = 1;
  }
} finally {
  await world.close();
}

async function measure(world: World): Promise<Result> {
  const start = (name: string, program: DatabaseName) =>
    startContestant({
      ...{ name, program: `./${program}.ts`, environment: world.environments[program] },
      logFile: join(world.folder, `${program}.log`),
    });
  const cascade = start("CASCADE", "cascade");
  const betterAuth = start("better-auth", "better-auth");
  try {
    for (const each of [cascade, betterAuth])
      await each.signUpAll((done) => console.log(`${each.name}: ${done} accounts opened`));
    const before = await countRows(world);
    const answered = new Map<Contestant, number>();
    const comparisons: Comparison[] = [];
    for (const clients of numbersOfClients) {
      const ours: Round[] = [];
      const theirs: Round[] = [];
      for (let round = 0; round <= rounds; round += 1) {
        for (const [each, kept] of [
          [cascade, ours],
          [betterAuth, theirs],
        ] as const) {
          const ran = await each.round(clients, round === 0 ? warmUpSeconds : seconds);
          answered.set(each, (answered.get(each) ?? 0) + ran.answered);
          if (round > 0) kept.push(ran);
          const which = round === 0 ? "warm-up" : `round ${round} of ${rounds}`;
          console.log(`${clients} client(s), ${which}: ${each.name} ${ran.perSecond.toFixed(1)}/s`);
        }
      }
      comparisons.push(compare(clients, ours, theirs));
    }
    const after = await countRows(world);
    return {
      measuredAt: new Date().toISOString(),
      machine: {
        processor: cpus()[0]?.model.trim() ?? "unknown processor",
        cores: availableParallelism(),
        node: process.versions.node,
        postgres: world.postgresVersion,
      },
      betterAuthVersion: await installedVersion("better-auth"),
      procedure: { rounds, secondsPerRound: seconds },
      rowsWrittenPerSignIn: {
        cascade: (after.cascade - before.cascade) / (answered.get(cascade) ?? 0),
        betterAuth: (after.betterAuth - before.betterAuth) / (answered.get(betterAuth) ?? 0),
      },
      comparisons,
    };
  } finally {
    await cascade.close();
    await betterAuth.close();
  }
}

async function countRows(world: World) {
  return { cascade: await world.countRows("cascade"), betterAuth: await world.countRows("better-auth") };
}

async function installedVersion(name: string): Promise<string> {
  const manifest = await readFile(new URL(`./node_modules/${name}/package.json`, import.meta.url), "utf8");
  return /"version": "([^"]+)"/.exec(manifest)?.[1] ?? "of unknown version";
}

async function keep(result: Result): Promise<void> {
  const folder = new URL("./results/", import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL("sign-in.json", folder), `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(new URL("sign-in.svg", folder), chart(result));
  console.log("Kept in results/sign-in.json and results/sign-in.svg.");
}

/** Why the run does not show what it was made to show. */
function objectionsTo({ comparisons, rowsWrittenPerSignIn }: Result): string[] {
  const objections: string[] = [];
  for (const [name, rows] of Object.entries(rowsWrittenPerSignIn))
    if (rows < 1)
      objections.push(`Not comparable: ${name} wrote ${rows.toFixed(2)} rows a sign-in, no session each.`);
  const ratio = comparisons.find(({ clients }) => clients === 8)?.ratio ?? 0;
  if (ratio < wantedRatio)
    objections.push(`At 8 clients the ratio is ${ratio.toFixed(2)}, below ${wantedRatio}.`);
  return objections;
}
