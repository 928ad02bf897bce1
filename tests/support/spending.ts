/** Customers with a filled wallet and a program that spends it. */
import { call } from "./call.ts";
import { newCustomer, type Customer, type World } from "./world.ts";

/** 5 AI actions weigh 100 units of 10 millis: one ducat. */
export const oneDucat = (id: string) => ({ id, meter: "ai_action", units: 5 });

async function fund(world: World, customer: Customer, ducats: number): Promise<void> {
  await world.database.rows(
    "select post(now(), 'planted:' || $1, 'planted', array[('wallet', $1, $2)::leg, ('issuance', null, -$2::bigint)::leg])",
    [customer.id, ducats * 1000],
  );
}

export async function programOf(customer: Customer, scopes?: string[]) {
  const made = await call("api-keys", {
    json: { name: "program", ...(scopes && { scopes }) },
    token: customer.token,
  });
  const key: string = made.body.key;
  return { key, spend: (...events: object[]) => call("usage", { json: { events }, token: key }) };
}

export async function funded(world: World, ducats: number) {
  const customer = await newCustomer();
  await fund(world, customer, ducats);
  return { customer, ...(await programOf(customer)) };
}
