/** Walks through one of Stripe's lists, which come newest first, in pieces of time, the oldest piece first. */
import type { Page, Span } from "../stripe/history.ts";

type Listed = { readonly id: string; readonly created: number };

export type Walk<Item extends Listed> = {
  readonly span: Span;
  readonly page: (span: Span, after: string | null) => Promise<Page<Item>>;
  /** Takes a piece, the oldest first; when it returns, all that was made before `to` is stored. */
  readonly take: (items: readonly Item[], to: number) => Promise<void>;
  readonly hasTime: () => boolean;
};

/** What is read before a piece is cut into smaller ones: what lies in it must fit into one run. */
const pagesPerPiece = 5;

/** Ends early when there is no time left: what was taken stays taken. */
export async function walk<Item extends Listed>({ span, page, take, hasTime }: Walk<Item>): Promise<void> {
  let { from } = span;
  let { to } = span;
  while (from < span.to && hasTime()) {
    const piece = await read({ span: { from, to }, page, take, hasTime });
    if (piece.kind === "no_time") return;
    if (piece.kind === "too_long") {
      to = from + Math.max(1, Math.floor((piece.reached - from) / 2));
      continue;
    }
    await take(piece.items, to);
    const length = to - from;
    from = to;
    to = Math.min(span.to, from + 2 * length);
  }
}

type Piece<Item> =
  | { readonly kind: "read"; readonly items: readonly Item[] }
  | { readonly kind: "too_long"; readonly reached: number }
  | { readonly kind: "no_time" };

/** A second cannot be cut: what is of one second is read to its end. */
async function read<Item extends Listed>({ span, page, hasTime }: Walk<Item>): Promise<Piece<Item>> {
  const items: Item[] = [];
  const mayBeCut = span.to - span.from > 1;
  for (let pages = 1; ; pages += 1) {
    const { items: listed, hasMore } = await page(span, items.at(-1)?.id ?? null);
    items.push(...listed);
    const last = items.at(-1);
    if (!hasMore || !last) return { kind: "read", items: items.reverse() };
    if (mayBeCut && pages >= pagesPerPiece) return { kind: "too_long", reached: last.created };
    if (!hasTime()) return { kind: "no_time" };
  }
}
