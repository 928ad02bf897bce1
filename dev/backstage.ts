/** All of the dev stack but the site: the stand-ins, the schedules, the control centre, and the list of addresses. */
import { startCentre, type Address } from "./centre.ts";
import type { Environment } from "./environment.ts";
import { assertPortsFree } from "./ports.ts";
import type { Project } from "./project.ts";
import { createSchedules, functionJobs, gameJob, townJob } from "./schedules.ts";
import { startStack, type Stack } from "./stack.ts";

export type BackstageOptions = {
  readonly project: Project;
  readonly environment: Environment;
  readonly siteUrl: string;
  readonly controlPort: number;
  readonly keepIn?: string | undefined;
};

export type Backstage = {
  readonly siteUrl: string;
  readonly stack: Stack;
  /** The site answers: the clock may fire, and people may look. */
  open(): void;
  close(): Promise<void>;
};

/** @throws PortBusy; nothing is left running then. */
export async function startBackstage(options: BackstageOptions): Promise<Backstage> {
  const { project, environment, siteUrl, controlPort, keepIn } = options;
  await assertPortsFree({ "the control centre": controlPort });
  const stack = await startStack({
    environment,
    siteUrl,
    keepIn,
    afterDay: (from, to) => schedules.passOver(from, to),
  });
  const jobs = [
    ...functionJobs(project, siteUrl),
    ...(stack.airtable ? [gameJob(stack.airtable)] : []),
    ...(stack.upstash ? [townJob(stack.upstash, () => stack.clock.now())] : []),
  ];
  const schedules = createSchedules(jobs, (name, { said }) => {
    console.error(`The schedule of ${name} met a failure: ${said}`);
  });
  const addresses = addressesOf(stack, siteUrl);
  try {
    const centre = await startCentre({ port: controlPort, addresses, schedules });
    return {
      siteUrl,
      stack,
      open() {
        schedules.start();
        print([
          ...addresses,
          { name: "Control centre", url: centre.url, about: "All of these, and the schedules." },
        ]);
        if (keepIn === undefined)
          console.log("  Data is thrown away at the end; --keep keeps the database.\n");
      },
      async close() {
        schedules.close();
        await centre.close();
        await stack.close();
      },
    };
  } catch (error) {
    await stack.close();
    throw error;
  }
}

function addressesOf({ stripe, airtable, venice, mailbox, postgres }: Stack, siteUrl: string): Address[] {
  return [
    { name: "Site", url: siteUrl, about: "The pages and the functions." },
    ...(stripe
      ? [
          {
            name: "Stripe",
            url: `${stripe.url}/_control`,
            about: "Payments, webhooks and what can go wrong.",
          },
        ]
      : []),
    ...(airtable
      ? [{ name: "Venice", url: `${airtable.url}/_control`, about: "Purses, stratagems, the game." }]
      : []),
    ...(venice
      ? [
          {
            name: "Venice's API",
            url: `${venice.url}/_control`,
            about: "What the game's own answers get wrong.",
          },
        ]
      : []),
    ...(mailbox ? [{ name: "Mailbox", url: mailbox.url, about: "Every message that was sent." }] : []),
    ...(postgres
      ? [{ name: "Postgres", url: postgres.ownerUrl, about: "The books, as their owner; for psql." }]
      : []),
  ];
}

function print(addresses: readonly Address[]): void {
  const width = Math.max(...addresses.map(({ name }) => name.length));
  console.log(`\n  CASCADE runs.\n`);
  for (const { name, url } of addresses) console.log(`  ${name.padEnd(width)}  ${url}`);
  console.log("");
}
