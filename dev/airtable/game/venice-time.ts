/** The hour in Venice, as the game writes it into notes. */

const FORMAT = new Intl.DateTimeFormat("en-GB", {
  timeZone: "Europe/Rome",
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/** `YYYY-MM-DD HH:MM`, Europe/Rome. */
export function veniceTime(instant: Date): string {
  const parts = new Map(FORMAT.formatToParts(instant).map((each) => [each.type, each.value]));
  const part = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? "";
  return `${part("year")}-${part("month")}-${part("day")} ${part("hour")}:${part("minute")}`;
}
