/** Events as a test takes them: what came since a moment, and each as the signed request Stripe would send. */
import type { StoredEvent, World } from "../world.ts";
import { signatureHeader } from "./sign.ts";

export type SignedEvent = {
  readonly id: string;
  readonly type: string;
  /** The raw body that is signed. */
  readonly body: string;
  readonly headers: { readonly "content-type": string; readonly "stripe-signature": string };
};

export type Signing = {
  /** The first endpoint's by default. */
  readonly secret?: string;
  /** The moment of sending, which the signature carries; now by default. */
  readonly at?: Date;
};

export type EventRecord = {
  /** The present end of the record. */
  mark(): number;
  /** The events that came after a mark, in the order in which they came; all of them without one. */
  since(mark?: number): StoredEvent[];
  /**
   * An event, stored or made up, as a signed request: nothing is sent, so a thousand orders of the same seven events cost
   * no socket. @throws Error when there is no secret to sign with.
   */
  signed(event: StoredEvent, how?: Signing): SignedEvent;
};

export function createEventRecord(world: World): EventRecord {
  return {
    mark: () => world.events.oldestFirst().length,
    since: (mark = 0) => world.events.oldestFirst().slice(mark),
    signed(event, { secret = world.endpoints.oldestFirst()[0]?.secret, at = world.now() } = {}) {
      if (secret === undefined) throw new Error("There is no endpoint: say the secret to sign with");
      const body = JSON.stringify(event, null, 2);
      const seconds = Math.floor(at.getTime() / 1000);
      return {
        id: event.id,
        type: event.type,
        body,
        headers: {
          "content-type": "application/json; charset=utf-8",
          "stripe-signature": signatureHeader(body, secret, seconds),
        },
      };
    },
  };
}
