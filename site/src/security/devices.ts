/** The devices that are signed in, and signing them out. */
import { endOtherSessions, endSession, readSessions } from "../account-api.ts";
import { agentWords } from "../agent.ts";
import { actButton } from "../buttons.ts";
import type { Answer } from "../call.ts";
import { timeElement } from "../dates.ts";
import { find, make } from "../dom.ts";
import { section } from "../section.ts";
import { stateMark } from "../states.ts";
import { table } from "../tables.ts";
import type { Session } from "../wire.ts";

const methods: Readonly<Record<Session["method"], string>> = {
  password: "Password",
  passkey: "Passkey",
  venice: "Venice",
};

/** Answers how to load it again, for when devices were signed out elsewhere on the page. */
export function devicesSection(): () => Promise<void> {
  const part = section(find("#devices", HTMLElement), readSessions, ({ sessions }) => [
    list(sessions),
    ...(sessions.some(({ current }) => !current) ? [signOutOthers()] : []),
  ]);

  function list(sessions: readonly Session[]): Node {
    return table(
      "Signed-in devices",
      [
        { name: "Device", kind: "lead" },
        { name: "Signed in by" },
        { name: "Network" },
        { name: "Last used" },
        { name: "Sign out", kind: "act" },
      ],
      sessions.map((session) => [
        make("span", { title: session.agent ?? "" }, agentWords(session.agent)),
        methods[session.method],
        make("span", {}, session.network ?? "Unknown"),
        timeElement(session.refreshedAt),
        session.current ? stateMark("This device", "good") : signOut(session),
      ]),
    );
  }

  function signOut({ id, agent }: Session): HTMLButtonElement {
    const name = agentWords(agent);
    return actButton("Sign out", { "aria-label": `Sign out ${name}` }, async () => {
      await after(await endSession(id), `${name} is signed out.`);
    });
  }

  function signOutOthers(): HTMLElement {
    const button = actButton("Sign out all other devices", { "data-testid": "sign-out-others" }, async () => {
      await after(await endOtherSessions(), "All other devices are signed out.");
    });
    return make("div", { class: "actions" }, button);
  }

  async function after(answer: Answer<unknown>, words: string): Promise<void> {
    if (answer.kind === "ok") part.said(words);
    else part.refused(answer);
    await part.load();
  }

  void part.load();
  return part.load;
}
