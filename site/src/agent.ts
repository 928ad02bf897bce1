/** What a browser calls itself, in words: "Firefox on Linux". What isn't known stays as it is. Pure. */

/** In this order: most of them also claim to be one further down. */
const browsers: readonly (readonly [RegExp, string])[] = [
  [/\bEdgA?\/|\bEdgiOS\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\bFirefox\/|\bFxiOS\//, "Firefox"],
  [/\bChrome\/|\bCriOS\//, "Chrome"],
  [/\bVersion\/.*\bSafari\//, "Safari"],
];

const systems: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bMacintosh\b/, "Mac"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];

const longest = 40;

/** Undefined when either half is unknown: half a name would be a guess. */
export function knownAgent(agent: string): string | undefined {
  const browser = nameIn(browsers, agent);
  const system = nameIn(systems, agent);
  return browser !== undefined && system !== undefined ? `${browser} on ${system}` : undefined;
}

export function agentWords(agent: string | null): string {
  if (agent === null || agent.trim() === "") return "Unnamed device";
  const known = knownAgent(agent);
  if (known !== undefined) return known;
  return agent.length > longest ? `${agent.slice(0, longest - 1).trimEnd()}…` : agent;
}

function nameIn(known: readonly (readonly [RegExp, string])[], agent: string): string | undefined {
  return known.find(([pattern]) => pattern.test(agent))?.[1];
}
