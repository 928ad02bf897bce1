/** Metadata: merged key by key, an empty value unsets a key, an empty string unsets all. */
import { invalid } from "./errors.ts";

const MAX_KEYS = 50;
const MAX_KEY_LENGTH = 40;
const MAX_VALUE_LENGTH = 500;

export type MetadataParam = Record<string, string | number | null> | "" | null | undefined;

/** @throws Refusal over Stripe's limits of 50 keys, 40 characters in a key and 500 in a value. */
export function mergeMetadata(
  before: Readonly<Record<string, string>> | null,
  param: MetadataParam,
  name = "metadata",
): Record<string, string> {
  if (param === undefined) return { ...before };
  if (param === "" || param === null) return {};
  const merged: Record<string, string> = { ...before };
  for (const [key, value] of Object.entries(param)) {
    if (key.length > MAX_KEY_LENGTH) {
      throw invalid(
        `Metadata keys can have up to ${MAX_KEY_LENGTH} characters, but you passed in ${key.length}`,
        {
          param: name,
        },
      );
    }
    const text = value === null ? "" : String(value);
    if (text.length > MAX_VALUE_LENGTH) {
      throw invalid(
        `Metadata values can have up to ${MAX_VALUE_LENGTH} characters, but you passed in a value that is ${text.length} characters`,
        { param: `${name}[${key}]` },
      );
    }
    if (text === "") Reflect.deleteProperty(merged, key);
    else merged[key] = text;
  }
  if (Object.keys(merged).length > MAX_KEYS) {
    throw invalid(`Metadata can have up to ${MAX_KEYS} keys`, { param: name });
  }
  return merged;
}
