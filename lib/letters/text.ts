/** A letter as plain text: lines of at most 78 columns, each link on a line of its own. */
import type { Block, Fact, Sheet } from "./letter.ts";

const width = 78;

export function textForm({ blocks, footer, site }: Sheet): string {
  // Two hyphens and a space begin a signature: programs fold it.
  return `${[...blocks.map(blockText), `-- \n${footer}\n${site}`].join("\n\n")}\n`;
}

function blockText(block: Block): string {
  switch (block.kind) {
    case "text":
      return wrapped(block.text, "", "");
    case "action":
      return `${block.label}:\n${block.url}`;
    case "facts":
      return factLines(block.rows);
  }
}

function factLines(rows: readonly Fact[]): string {
  const column = Math.max(...rows.map(({ name }) => name.length)) + 3;
  return rows
    .map(({ name, value }) => wrapped(value, `${name}:`.padEnd(column), " ".repeat(column)))
    .join("\n");
}

/** @param first begins the first line, `rest` the others. A word that is too long stays whole. */
function wrapped(words: string, first: string, rest: string): string {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of words.split(" ")) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = rest;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line].join("\n");
}
