/** What is measured: something that takes a sign-in as a Request and answers with a Response. */

/** Sign-in attempts per account and quarter of an hour that CASCADE allows: no account is asked more often in a run. */
const attemptsPerAccount = 5;
/** For each contender: enough for 5 000 attempts a run, warm-up included. */
export const accounts = 1_000;

export type Credentials = { readonly email: string; readonly password: string };

export type Attempt = {
  readonly account: Credentials;
  /** A network address of the attempt's own. */
  readonly address: string;
};

export type Contender = {
  /** Opens an account the way a visitor does. @throws when it is not opened. */
  signUp(attempt: Attempt): Promise<void>;
  /** Resolves once the answer has been read. @throws for any answer but 200. */
  signIn(attempt: Attempt): Promise<void>;
};

export function nthAccount(n: number): Credentials {
  return { email: `client${n}@bench.test`, password: "correct horse battery" };
}

/** 10.0.0.0/8 has an address for each of 16 million attempts. */
export function nthAddress(n: number): string {
  return `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
}

/** Accounts take turns. @throws when a limit of ours would be met: a refusal is quick, and must not be counted. */
export function nthAttempt(n: number): Attempt {
  if (n >= accounts * attemptsPerAccount)
    throw new Error(`${n} attempts are more than ${accounts} accounts may make: raise \`accounts\``);
  return { account: nthAccount(n % accounts), address: nthAddress(n) };
}

/** @throws for any answer but the expected one, with its text. */
export async function expectStatus(response: Response, status: number, what: string): Promise<void> {
  const text = await response.text();
  if (response.status !== status) throw new Error(`${what} answered ${response.status}: ${text}`);
}
