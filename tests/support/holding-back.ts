/** Keeps every delivery of a test file where it is: for tests about money alone. */
import { beforeAll } from "vitest";
import type { World } from "./world.ts";

export function holdDeliveriesBack(world: World): void {
  beforeAll(async () => {
    await world.database.rows(
      "create function hold_back() returns trigger language plpgsql as $$ begin new.next_at := '2100-01-01'; return new; end $$",
    );
    await world.database.rows(
      `create trigger hold_back before insert or update on deliveries for each row
       when (new.status <> 'pending' or new.next_at <> '-infinity') execute function hold_back()`,
    );
  });
}
