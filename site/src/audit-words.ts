/** The security log's acts, as one would tell them. Pure. */
import { ducats } from "./money.ts";
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
    case "delivery.asked":
      return `${ducatsIn(detail)} sent from the wallet to ${said("citizen")}`;
    case "delivery.look":
      return "A delivery was looked at";
    case "delivery.resend":
      return "A delivery was let go on";
    case "delivery.return":
      return "A delivery was given back to the wallet";
    case "delivery.arrived":
      return "A delivery was found to have arrived";
    case "refund.asked":
      return "A refund was asked for";
    case "recall.asked":
      return `${ducatsIn(detail)} of a refund asked back from ${said("citizen")}`;
    case "reconcile.repaired":
      return "The books were put right after a comparison with payments and Venice";
    case "subscription.change":
      return "Another tier chosen";
    case "subscription.cancel":
      return "Tier cancelled at its end";
    case "subscription.keep":
      return "Tier kept after all";
    case "subscription.pause":
      return "Tier paused";
    case "subscription.unpause":
      return "Tier taken up again";
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

function ducatsIn(detail: unknown): string {
  const millis: unknown =
    typeof detail === "object" && detail !== null ? Reflect.get(detail, "millis") : undefined;
  return ducats(typeof millis === "number" ? millis : 0);
}

function textIn(detail: unknown, name: string): string {
  const value: unknown =
    typeof detail === "object" && detail !== null ? Reflect.get(detail, name) : undefined;
  return typeof value === "string" ? value : "";
}
