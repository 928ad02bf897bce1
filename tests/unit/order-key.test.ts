/** One order's key: the client's, or for a plain form the form itself within a minute. */
import { expect, test } from "vitest";
import { orderKey } from "../../lib/http/order-key.ts";

const now = new Date("2026-11-20T12:00:30Z");

function keyOf(header: string | undefined, form = false, body = "pack=starter", at = now) {
  const headers = header === undefined ? {} : { "idempotency-key": header };
  return orderKey(new Request("http://cascade.test", { method: "POST", headers }), form, body, at);
}

test("the header is the key, without the spaces around it", () => {
  expect(keyOf("order-1")).toBe("order-1");
  expect(keyOf("  order-1 ")).toBe("order-1");
});

test("a form may send one as well", () => {
  expect(keyOf("order-1", true)).toBe("order-1");
});

test.each([undefined, "", "   "])("without one (%j) a client that can send headers has no key", (header) => {
  expect(keyOf(header)).toBe(undefined);
});

test("the same form in the same minute is the same order", () => {
  const key = keyOf(undefined, true);
  expect(key).toMatch(/^form-\d+-[0-9a-f]{64}$/);
  expect(keyOf(undefined, true, "pack=starter", new Date("2026-11-20T12:00:00.000Z"))).toBe(key);
  expect(keyOf(undefined, true, "pack=starter", new Date("2026-11-20T12:00:59.999Z"))).toBe(key);
});

test("another form, or another minute, is another order", () => {
  const keys = [
    keyOf(undefined, true),
    keyOf(undefined, true, "pack=explorer"),
    keyOf(undefined, true, "pack=starter", new Date("2026-11-20T12:01:00.000Z")),
    keyOf(undefined, true, "pack=starter", new Date("2026-11-20T11:59:59.999Z")),
  ];
  expect(new Set(keys).size).toBe(4);
});

test("a key of any length stays its own, and short enough to store", () => {
  const keys = ["a".repeat(200), "a".repeat(201), `${"a".repeat(5_000)}1`, `${"a".repeat(5_000)}2`].map(
    (key) => keyOf(key) ?? "",
  );
  expect(new Set(keys).size).toBe(4);
  for (const key of keys) expect(key.length).toBeLessThanOrEqual(200);
  expect(keyOf("a".repeat(201))).toBe(keyOf("a".repeat(201)));
});
