/** One JSON object a line on standard output. Callers pass ids and numbers: never a payload, a secret or a name. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined | object>>;
export type Log = (event: string, fields: LogFields) => void;

export const logToStdout: Log = (event, fields) => {
  console.log(JSON.stringify({ event, ...fields }));
};
