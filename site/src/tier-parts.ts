/** Words with days in them, as elements. */
import { timeElement } from "./dates.ts";
import type { Part } from "./tier-words.ts";

export function written(parts: readonly Part[]): (string | Node)[] {
  return parts.map((part) => (typeof part === "string" ? part : timeElement(part.day, "day")));
}
