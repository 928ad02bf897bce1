/** What a citizen may be called here: one line of text that turns nothing around. Names stand in messages that are signed. */
export function isOneLine(text: string): boolean {
  return !/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u.test(text);
}
