/** Letters about an account itself: its address, its password, who tries to get in. */
import * as z from "zod";
import { timeColumn } from "../../db/columns.ts";
import { action, facts, text } from "../letter.ts";
import { printTime, template } from "../template.ts";

/** It goes behind `#`, which browsers keep to themselves: no server's log and no other page hears of it. */
const token = z.string().regex(/^[\w.~-]+$/, "must be fit for an address as it is");
const linked = z.object({ token, expiresAt: timeColumn });
const network = z.string().nullable();

export const verification = template(linked, ({ token, expiresAt }, site) => ({
  subject: "Confirm your e-mail address",
  blocks: [
    text("Welcome to CASCADE. Please confirm that this address is yours, so that we can reach you."),
    action("Confirm my address", `${site}/verify/#${token}`),
    text(`This works until ${printTime(expiresAt)}.`),
    text("If you didn’t sign up, you can ignore this letter."),
  ],
}));

export const passwordReset = template(linked, ({ token, expiresAt }, site) => ({
  subject: "Choose a new password",
  blocks: [
    text("Somebody, hopefully you, asked for a new password for your account."),
    action("Choose a new password", `${site}/reset/#${token}`),
    text(`This works once, until ${printTime(expiresAt)}.`),
    text("If it wasn’t you, ignore this letter: your password stays as it is."),
  ],
}));

export const lockOut = template(
  z.object({ at: timeColumn, until: timeColumn, network }),
  ({ at, until, network }, site) => ({
    subject: "Too many wrong passwords for your account",
    blocks: [
      text(
        "Somebody tried wrong passwords for your account too often. For a while we let nobody sign in from a device " +
          "that is new to us; the devices you have signed in with before still work.",
      ),
      facts({ Noticed: printTime(at), "Came from": network, "New devices wait until": printTime(until) }),
      text("If it was you, there is nothing to do. If it wasn’t, a new password keeps your account yours:"),
      action("Choose a new password", `${site}/forgot/`),
    ],
  }),
);

export const passwordChanged = template(z.object({ at: timeColumn, network }), ({ at, network }, site) => ({
  subject: "Your password was changed",
  blocks: [
    text("Your account has a new password, and all other devices were signed out."),
    facts({ Changed: printTime(at), "Came from": network }),
    text("If it was you, all is well. If it wasn’t, take your account back right away:"),
    action("Choose a new password", `${site}/forgot/`),
  ],
}));

const ways = {
  passkey: { subject: "A passkey was added to your account", what: "Passkey" },
  wallet: { subject: "A citizen’s wallet can now sign in to your account", what: "Citizen" },
} as const;

export const signInAdded = template(
  z.object({ way: z.enum(["passkey", "wallet"]), name: z.string(), at: timeColumn, network }),
  ({ way, name, at, network }, site) => ({
    subject: ways[way].subject,
    blocks: [
      text("There is a new way to sign in to your account."),
      facts({ [ways[way].what]: name, Added: printTime(at), "Came from": network }),
      text("If it was you, all is well. If it wasn’t, remove it and change your password:"),
      action("Sign-in and security", `${site}/account/security/`),
    ],
  }),
);
