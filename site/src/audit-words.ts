/** The security log's acts, as one would tell them. Pure. */
import type { Entry } from "./wire.ts";

const methods: Readonly<Record<string, string>> = {
  password: "by password",
  passkey: "with a passkey",
  venice: "with Venice",
};

const endings: Readonly<Record<string, string>> = {
  signed_out: "Signed out",
  password_changed: "A device was signed out, because the password changed",
  reused: "A device was signed out, because somebody used a copy of its session",
};

export function actWords({ act, detail }: Pick<Entry, "act" | "detail">): string {
  const said = (name: string): string => textIn(detail, name);
  switch (act) {
    case "account.opened":
      return "Account opened";
    case "verification.asked":
      return "Link to verify the e-mail asked for";
    case "email.verified":
      return "E-mail verified";
    case "session.opened":
      return `Signed in ${methods[said("method")] ?? ""}`.trim();
    case "session.ended":
      return endings[said("because")] ?? "A device was signed out";
    case "sign_in.failed":
      return "Wrong password";
    case "sign_in.locked":
      return "Too many wrong passwords: sign-in paused";
    case "password_reset.asked":
      return "Link for a new password asked for";
    case "password.reset":
      return "New password set by mailed link";
    case "password.changed":
      return "Password changed";
    case "passkey.added":
      return `Passkey ${quoted(said("name"))} added`;
    case "passkey.renamed":
      return `Passkey renamed to ${quoted(said("name"))}`;
    case "passkey.removed":
      return `Passkey ${quoted(said("name"))} removed`;
    case "citizen.changed":
      return `Citizen changed from ${said("from")} to ${said("to")}`;
    case "citizen.proved":
      return `Citizen ${said("citizen")} proved by wallet`;
    case "citizen.unlinked":
      return "Proof of the citizen taken back";
    case "api_key.created":
      return `API key ${quoted(said("name"))} made`;
    case "api_key.rerolled":
      return "API key replaced by a new one";
    case "api_key.revoked":
      return "API key revoked";
    case "role.changed":
      return `Role changed from ${said("from")} to ${said("to")}`;
    case "letter.resent":
      return "A mail was sent to you again";
    default:
      return act;
  }
}

/** Who it was, when it was not the customer himself. */
export function actorWords(actor: string): string {
  switch (actor) {
    case "self":
      return "";
    case "visitor":
      return "Somebody not signed in";
    case "staff":
      return "Our staff";
    case "operator":
      return "The operator";
    case "system":
      return "CASCADE itself";
    default:
      return actor;
  }
}

function quoted(name: string): string {
  return name ? `“${name}”` : "";
}

function textIn(detail: unknown, name: string): string {
  const value: unknown =
    typeof detail === "object" && detail !== null ? Reflect.get(detail, name) : undefined;
  return typeof value === "string" ? value : "";
}
