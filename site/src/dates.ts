/** Times in the visitor's own locale and zone. */

const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const dateOnly = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const formats = { time: dateTime, day: dateOnly, clock } as const;

export function timeElement(iso: string, style: keyof typeof formats = "time"): HTMLTimeElement {
  const element = document.createElement("time");
  element.dateTime = iso;
  const date = new Date(iso);
  const known = !Number.isNaN(date.getTime());
  element.textContent = known ? formats[style].format(date) : iso;
  if (known && style === "day") element.title = dateTime.format(date);
  return element;
}

/** For what may not have happened yet. */
export function lastUsed(iso: string | null, style: keyof typeof formats = "day"): Node {
  return iso === null ? document.createTextNode("Never") : timeElement(iso, style);
}

/** "at 14:32, in 3 minutes", for the seconds of a Retry-After. */
export function waitWords(seconds: number, now: Date): string {
  const at = clock.format(new Date(now.getTime() + seconds * 1000));
  if (seconds < 60) return `at ${at}, in ${seconds} second${seconds === 1 ? "" : "s"}`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return `at ${at}, in ${minutes} minute${minutes === 1 ? "" : "s"}`;
  const hours = Math.ceil(minutes / 60);
  return hours < 20 ? `at ${at}, in about ${hours} hour${hours === 1 ? "" : "s"}` : "tomorrow";
}
