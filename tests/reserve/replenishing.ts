/** Top-ups under test: the command's own steps on real parts, and the command itself as an operator runs it. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, afterEach } from "vitest";
import { ducats } from "../../cli/venice/ducats.ts";
import { goOn, replenish, survey, type Outcome, type Ports } from "../../cli/venice/replenish.ts";
import { closePg, openPg } from "../../lib/db/pg.ts";
import { randomText } from "../../lib/ids.ts";
import { millis } from "../../lib/money.ts";
import { advance, Died, type Death, type TestClock } from "../support/delivering.ts";
import { root } from "../support/source.ts";
import { appAt, type World } from "../support/world.ts";

/** 186,250 ducats. */
export const treasury = "SaltMerchantPisana";
export const treasuryDucats = 186_250;

export function useTopUps(world: World, clock: TestClock) {
  afterAll(() => closePg());
  afterEach(async () => {
    for (const { id, fields } of world.airtable.list("STRATAGEMS"))
      if (fields["ExecutedBy"] === treasury) world.airtable.remove("STRATAGEMS", id);
    world.airtable.setDucats(treasury, treasuryDucats);
    world.airtable.mend();
    await world.database.rows(
      "update replenishments set state = 'failed', told_at = now() where state <> 'done' or told_at is null",
    );
    await world.database.rows("truncate reserve_readings");
  });

  const ports = (): Ports => ({
    db: openPg({ url: world.database.ownerUrl }, () => undefined),
    clock: () => clock.now,
    ducats: ducats(appAt(clock)),
  });

  /** What the command does with `--yes`. */
  async function topUp(
    amount: number,
    kind: "transfer" | "mint" = "transfer",
    on = ports(),
  ): Promise<Outcome> {
    // No two begin in the same instant.
    advance(clock, 1_000);
    const { atHand } = await survey(on, treasury);
    if (atHand) return await goOn(on, atHand);
    const payer = kind === "transfer" ? treasury : null;
    return await replenish(on, {
      kind,
      millis: millis(BigInt(amount) * 1000n),
      payer,
      id: `rpl_${randomText(20)}`,
    });
  }

  return {
    ports,
    topUp,
    last: async () =>
      (await world.database.rows("select * from replenishments order by created_at desc limit 1"))[0],
    audited: async () =>
      await world.database.rows(
        "select actor, detail from audit_log where act = 'reserve.replenished' order by id",
      ),
    rows: () => world.airtable.list("STRATAGEMS").filter(({ fields }) => fields["ExecutedBy"] === treasury),
  };
}

/** The ports with a fuse: nothing is imitated, calls only stop getting through. */
export function dyingPorts(
  ports: Ports,
  death: Death,
): { readonly ports: Ports; readonly steps: () => number } {
  let steps = 0;
  const fused = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== "function") return method;
        return async (...args: unknown[]) => {
          steps += 1;
          const step = steps;
          if (step > death.step || (step === death.step && death.side === "before")) throw new Died();
          const result: unknown = await Reflect.apply(method, target, args);
          if (step === death.step) throw new Died();
          return result;
        };
      },
    });
  return {
    ports: { ...ports, db: fused(ports.db), ducats: fused(ports.ducats) },
    steps: () => steps,
  };
}

/** The command in a process of its own; it inherits the world's addresses. */
export async function runCommand(
  world: World,
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
) {
  const child = spawn(process.execPath, [join(root, "cli/venice-replenish.ts"), ...args], {
    env: {
      ...process.env,
      MIGRATION_DATABASE_URL: world.database.ownerUrl,
      TREASURY_CITIZEN: treasury,
      ...variables,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [said, complained, exitCode] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.on("close", resolve)),
  ]);
  return { said: said.trim(), complained: complained.trim(), exitCode };
}
