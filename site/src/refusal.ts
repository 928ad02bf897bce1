/** What a refusal means for the person in front of the page, in a sentence or two. */
import type { Refused, Silent } from "./call.ts";
import { waitWords } from "./dates.ts";

export function refusalWords(answer: Refused | Silent, now: Date): string {
  if (answer.kind === "silent")
    return "We got no answer. Check your connection and try again: sending the same thing twice does it only once.";
  const { problem, retryAfterSeconds } = answer;
  switch (problem.code) {
    case "rate_limited":
      return retryAfterSeconds === undefined
        ? "That was too often. Please wait a little and try again."
        : `That was too often. You can try again ${waitWords(retryAfterSeconds, now)}.`;
    case "reserve_too_low":
      return "Our stock of ducats in Venice is too low for this order right now. Choose a smaller one, or keep the ducats in your wallet here.";
    case "unknown_citizen":
      return "Venice doesn’t know this citizen. Give the exact username; capital letters count.";
    case "invalid_credentials":
      return "This e-mail and password don’t match. Check both and try again.";
    case "email_taken":
      return "There is an account with this e-mail already.";
    case "already_paid":
      return "You have already paid for this order.";
    case "key_limit_reached":
      return "You have as many keys as your account may have. Revoke one that you no longer use.";
    case "email_not_verified":
      return "Your e-mail is not verified yet. Open the link that we mailed you, or have it sent again.";
    case "wrong_password":
      return "That is not your current password. Check it and try again.";
    case "invalid_proof":
      return "This doesn’t prove it: the signature is not right, or it came too late. Ask for a new message and sign that.";
    case "no_wallet":
      return "Venice knows no wallet of your citizen. Connect one to him in Venice first, then prove him here.";
    case "citizen_taken":
      return "Another account has proved this citizen. Sign in there and unlink him, or go on without proof: ducats are delivered all the same.";
    case "invalid_link":
      return "This link doesn’t work: it was used, is over, or is not complete. Ask for a new one.";
    case "key_ended":
      return "This key has ended already. Make a new one.";
    case "not_found":
      return "It is not there any more. Load this page again to see what is.";
    case "unauthenticated":
      return "Your session has ended. Sign in again.";
    case "payments_unavailable":
      return "Our payment provider cannot be reached right now. Nothing was charged; try again in a moment.";
    case "change_unclear":
      return "Our payment provider’s answer was lost: the change may have been made and charged. Try again, and you see what came of it; nothing is charged twice.";
    case "venice_unavailable":
      return "Venice cannot be reached right now. Nothing was done or charged; try again in a minute.";
    case "limiter_unavailable":
      return "We cannot take requests right now. Nothing was done or charged; try again in a few seconds.";
    case "database_unavailable":
      return "Our books cannot be reached right now. Try again in a few seconds: nothing is done twice.";
    case "promotion_unknown":
    case "promotion_expired":
    case "promotion_used_up":
    case "promotion_first_purchase_only":
    case "promotion_below_minimum":
    case "promotion_not_usable":
    case "promotion_leaves_too_little":
      return `${sentence(problem.title)} ${sentence(problem.detail)}`;
    case "invalid_field":
      return sentence(withoutField(problem.detail, problem.field));
    case "internal":
    case "not_configured":
      return `Something went wrong on our side. Try again; if it stays, tell us this number: ${problem.requestId}.`;
    default:
      return sentence(problem.detail);
  }
}

/** Details begin with the field's name, for programs: `password: must have at least 10 characters`. */
function withoutField(detail: string, field: string | undefined): string {
  const prefix = `${field ?? ""}: `;
  const rest = field !== undefined && detail.startsWith(prefix) ? detail.slice(prefix.length) : detail;
  return rest.startsWith("must ") ? `This ${rest}` : rest;
}

function sentence(words: string): string {
  const upper = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}
