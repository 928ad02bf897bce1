/** `npm run admin:grant <e-mail>`: makes an account an admin's, the first one, or one more when nobody else can. */
import pg from "pg";
import * as z from "zod";
import { environmentFor } from "./environment.ts";

const insufficientPrivilege = "42501";

const grantedRow = z.object({ outcome: z.enum(["granted", "not_verified", "unknown_email"]) });

/** @param ownerUrl no function of ours may do this: cascade_app is refused. */
async function grantAdmin(ownerUrl: string, email: string) {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    const { rows } = await client.query("select grant_admin($1, $2) as outcome", [new Date(), email]);
    return grantedRow.parse(rows[0]).outcome;
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === insufficientPrivilege)
      throw new Error("Only the database's owner grants this: set MIGRATION_DATABASE_URL to its URL.", {
        cause: error,
      });
    throw error;
  } finally {
    await client.end();
  }
}

async function main(): Promise<void> {
  const [email, ...others] = process.argv.slice(2).map((given) => given.trim());
  if (!email?.includes("@") || others.length > 0)
    throw new Error("Say whose account it is: npm run admin:grant somebody@example.com");
  const { MIGRATION_DATABASE_URL } = environmentFor(["MIGRATION_DATABASE_URL"]);
  const ownerUrl = MIGRATION_DATABASE_URL ?? environmentFor(["DATABASE_URL"]).DATABASE_URL;
  switch (await grantAdmin(ownerUrl, email)) {
    case "granted":
      console.log(`${email} is an admin.`);
      return;
    case "not_verified":
      // Anybody can sign up with another's address: whoever did knows the password that would become an admin's.
      console.log(
        `${email} is an admin once the e-mail is verified. To be sure that nobody else knows the password, have its ` +
          "owner choose a new one at /forgot/: that verifies the e-mail, too, and signs out everybody else.",
      );
      return;
    case "unknown_email":
      throw new Error(`No account has the e-mail ${email}. Sign up with it first. Nothing was changed.`);
  }
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
