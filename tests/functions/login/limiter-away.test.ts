/** Without the limiter's yes no password is checked. */
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { expect, test, vi } from "vitest";
import type { FaultInput } from "../../../dev/wire/faults.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { newCustomer, useWorld } from "../../support/world.ts";

const world = useWorld({ REDIS_TIMEOUT_MS: "400" });
const log = useLog();
const hash = vi.spyOn(crypto, "argon2");
syncBuiltinESMExports();

test.each([
  ["is gone", { kind: "drop_before" }],
  ["drops the answer", { kind: "drop_after" }],
  ["answers 500", { kind: "status", status: 500 }],
  ["refuses our token", { kind: "status", status: 401 }],
  ["hangs", { kind: "latency", latencyMs: 5_000 }],
  ["answers for the account only", { kind: "status", body: "sign-in-address" }],
  ["answers for the address only", { kind: "status", body: "sign-in-account" }, 2],
] as [string, FaultInput, number?][])(
  "a limiter that %s: 503, no password checked and no session",
  async (_, fault, asked = 1) => {
    const { email } = await newCustomer();
    hash.mockClear();
    world.gateway.faults.forget();
    world.upstash.faults.plan({ ...fault, times: 10 });
    const answer = await call("login", { json: { email, password: "correct horse battery" } });
    expect([answer.status, answer.body.code]).toEqual([503, "limiter_unavailable"]);
    expect(answer.headers.get("retry-after")).toBe("5");
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect(hash).not.toHaveBeenCalled();
    expect(world.gateway.faults.seen).toEqual([]);
    expect(log.last().trips).toEqual({ redis: asked });
  },
);
