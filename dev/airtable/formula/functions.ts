/** The formula functions this stand-in knows, with how many arguments each takes; any other is refused. */

const MANY = Number.POSITIVE_INFINITY;

export const FUNCTIONS = {
  AND: { least: 1, most: MANY },
  OR: { least: 1, most: MANY },
  NOT: { least: 1, most: 1 },
  TRUE: { least: 0, most: 0 },
  FALSE: { least: 0, most: 0 },
  BLANK: { least: 0, most: 0 },
  RECORD_ID: { least: 0, most: 0 },
  CREATED_TIME: { least: 0, most: 0 },
  LAST_MODIFIED_TIME: { least: 0, most: 0 },
  NOW: { least: 0, most: 0 },
  LOWER: { least: 1, most: 1 },
  FIND: { least: 2, most: 3 },
  IS_AFTER: { least: 2, most: 2 },
  IS_BEFORE: { least: 2, most: 2 },
  DATETIME_PARSE: { least: 1, most: 1 },
} as const;

export type FunctionName = keyof typeof FUNCTIONS;
