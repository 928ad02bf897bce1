/** Reads an email as Resend does, field by field. */
import { invalidField, invalidFrom, missingField, Refusal, REFUSALS } from "./refusal.ts";

export type Email = {
  readonly from: string;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
  readonly replyTo: readonly string[];
  readonly subject: string;
  readonly text: string | null;
  readonly html: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly tags: readonly { readonly name: string; readonly value: string }[];
};

const MAX_RECIPIENTS = 50;

/** Attachments, templates and schedules exist at Resend; nobody tried them here, so they are refused with the rest. */
const KNOWN = ["from", "to", "cc", "bcc", "reply_to", "subject", "text", "html", "headers", "tags"];

const ADDRESS = /^[^\s@<>(),;:"[\]\\]+@(?<domain>[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)$/;
const NAMED = /^[^<>\r\n]*<(?<address>[^<>]+)>$/;
const TAG = /^[A-Za-z0-9_-]{1,256}$/;
const ADDRESS_FORM =
  "The email address needs to follow the `email@example.com` or `Name <email@example.com>` format.";

/** The address without its name and its domain; undefined when it is none. */
function domainOf(written: string): string | undefined {
  const address = NAMED.exec(written)?.groups?.["address"] ?? written;
  return ADDRESS.exec(address.trim())?.groups?.["domain"];
}

function readAddresses(field: string, value: unknown): string[] {
  if (value === undefined || value === null) return [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((each) => {
    if (typeof each !== "string" || domainOf(each) === undefined)
      throw field === "from" ? invalidFrom(ADDRESS_FORM) : invalidField(field, ADDRESS_FORM);
    return each;
  });
}

function readText(field: string, value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== "string") throw invalidField(field, "It must be a string.");
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readHeaders(value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw invalidField("headers", "It must be an object of strings.");
  const headers: Record<string, string> = {};
  for (const [name, each] of Object.entries(value)) {
    if (typeof each !== "string" || /[\r\n]/.test(name + each)) {
      throw invalidField("headers", "It must be an object of strings.");
    }
    headers[name] = each;
  }
  return headers;
}

function readTags(value: unknown): Email["tags"] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalidField("tags", "It must be an array of names and values.");
  return value.map((each: unknown) => {
    const { name, value: content } = isObject(each) ? each : {};
    if (typeof name !== "string" || typeof content !== "string" || !TAG.test(name) || !TAG.test(content)) {
      throw invalidField("tags", "Tags should only contain ASCII letters, numbers, underscores, or dashes.");
    }
    return { name, value: content };
  });
}

/**
 * @param verifiedDomains the domains a sender may use; any without them.
 * @throws Refusal as Resend words it.
 */
export function readEmail(body: unknown, verifiedDomains: readonly string[] | undefined): Email {
  if (!isObject(body)) throw new Refusal(422, "validation_error", "The request body must be a JSON object.");
  for (const field of Object.keys(body)) {
    if (!KNOWN.includes(field)) throw invalidField(field, "This stand-in does not know it.");
  }
  for (const field of ["from", "to", "subject"]) {
    const value = body[field];
    if (value === undefined || value === null || value === "") throw missingField(field);
  }
  const [from = "", ...more] = readAddresses("from", body["from"]);
  if (more.length > 0 || Array.isArray(body["from"])) throw invalidFrom(ADDRESS_FORM);
  const domain = domainOf(from) ?? "";
  if (verifiedDomains !== undefined && !verifiedDomains.includes(domain.toLowerCase())) {
    throw REFUSALS.unverifiedDomain(domain);
  }
  const to = readAddresses("to", body["to"]);
  if (to.length === 0) throw missingField("to");
  if (to.length > MAX_RECIPIENTS) throw invalidField("to", "The limit is 50 recipients.");
  const subject = readText("subject", body["subject"]) ?? "";
  if (/[\r\n]/.test(subject))
    throw invalidField("subject", "The `\\n` is not allowed in the `subject` field.");
  const text = readText("text", body["text"]);
  const html = readText("html", body["html"]);
  if (text === null && html === null) {
    throw new Refusal(422, "validation_error", "Missing `html` or `text` field.");
  }
  return {
    from,
    to,
    cc: readAddresses("cc", body["cc"]),
    bcc: readAddresses("bcc", body["bcc"]),
    replyTo: readAddresses("reply_to", body["reply_to"]),
    subject,
    text,
    html,
    headers: readHeaders(body["headers"]),
    tags: readTags(body["tags"]),
  };
}
