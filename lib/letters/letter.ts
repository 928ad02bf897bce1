/** A letter as we write it: a subject and blocks, rendered once as plain text and once as HTML. */
import { htmlForm } from "./html.ts";
import { textForm } from "./text.ts";

export type Block =
  | { readonly kind: "text"; readonly text: string }
  /** What the reader is meant to do. */
  | { readonly kind: "action"; readonly label: string; readonly url: string }
  | { readonly kind: "facts"; readonly rows: readonly Fact[] };

export type Fact = { readonly name: string; readonly value: string };

export type Letter = {
  readonly subject: string;
  readonly blocks: readonly Block[];
  /** The footer says why this reader gets it; a customer unless told. */
  readonly reader?: "operator";
};

/** What both forms are made of, whitespace in order. */
export type Sheet = Omit<Letter, "reader"> & { readonly footer: string; readonly site: string };

export type Rendered = { readonly subject: string; readonly text: string; readonly html: string };

export const text = (words: string): Block => ({ kind: "text", text: words });
export const action = (label: string, url: string): Block => ({ kind: "action", label, url });
/** A row without a value is left out. */
export const facts = (rows: Readonly<Record<string, string | null>>): Block => ({
  kind: "facts",
  rows: Object.entries(rows).flatMap(([name, value]) => (value === null ? [] : [{ name, value }])),
});

/** @param site its address, without a trailing slash. */
export function renderLetter({ subject, blocks, reader }: Letter, site: string): Rendered {
  const footer =
    reader === "operator"
      ? "You get this because you run CASCADE."
      : "You get this because you have an account at CASCADE.";
  const sheet = { subject: onOneLine(subject), blocks: blocks.map(inOrder), footer, site };
  return { subject: sheet.subject, text: textForm(sheet), html: htmlForm(sheet) };
}

/** Names and reasons are others' words: what breaks a line, or a header, becomes a space. */
function onOneLine(words: string): string {
  return words.replace(/[\s\p{Cc}]+/gu, " ").trim();
}

function inOrder(block: Block): Block {
  switch (block.kind) {
    case "text":
      return { ...block, text: onOneLine(block.text) };
    case "action":
      return block;
    case "facts":
      return { ...block, rows: block.rows.map(({ name, value }) => ({ name, value: onOneLine(value) })) };
  }
}
