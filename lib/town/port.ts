/** Venice's public life: who its citizens are, and what they are told. Anyone can read and change all of it. */

export type Citizen = {
  readonly username: string;
  readonly inVenice: boolean;
  readonly socialClass: string | null;
};

export type CitizensPage = {
  readonly citizens: readonly Citizen[];
  /** Where the next page is, for a few minutes; null after the last. */
  readonly next: string | null;
};

/** Airtable writes at most ten records a request. */
export const NOTICES_PER_WRITE = 10;

/** A notification, addressed to a citizen by username. */
export type Notice = {
  /** Ours: what a second look finds it by. */
  readonly id: string;
  readonly citizen: string;
  readonly type: string;
  readonly content: string;
  readonly details: object;
  readonly asset: string;
  readonly assetType: string;
  readonly createdAt: string;
};

/** Every method throws Unavailable: reads with effect `none`; the write with `unknown` unless certainly refused. */
export type Town = {
  /** A hundred citizens; those without a username are left out. */
  citizens(page: string | null): Promise<CitizensPage>;
  /** Those of these ids that were written. */
  findNotices(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Not idempotent: look first. */
  writeNotices(notices: readonly Notice[]): Promise<void>;
};
