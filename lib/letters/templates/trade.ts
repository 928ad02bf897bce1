/** Letters about what was bought, what is on its way and what is left. */
import * as z from "zod";
import { centsColumn, millisColumn, timeColumn } from "../../db/columns.ts";
import { ducats, millis, printCents, wholeDucats, type Millis } from "../../money.ts";
import { action, facts, text, type Block } from "../letter.ts";
import { printTime, template } from "../template.ts";

const purchaseId = z.string().min(1);

function toPurchase(site: string, id: string): Block {
  return action("See your purchase", `${site}/purchase/?id=${encodeURIComponent(id)}`);
}

const paid = z.object({
  purchaseId,
  usdCents: centsColumn,
  baseMillis: millisColumn,
  bonusMillis: millisColumn,
  totalMillis: millisColumn,
  repaidMillis: millisColumn,
  citizen: z.string(),
  deliverTo: z.enum(["venice", "wallet"]),
  paidAt: timeColumn,
});

export const receipt = template(paid, (data, site) => ({
  subject: `Your receipt: ${ducats(data.totalMillis)} for ${printCents(data.usdCents)}`,
  blocks: [
    text("Thank you, your payment has reached us."),
    facts({
      Paid: printCents(data.usdCents),
      On: printTime(data.paidAt),
      Bought: ducats(data.baseMillis),
      Bonus: unlessZero(data.bonusMillis),
      Together: data.bonusMillis > 0n ? ducats(data.totalMillis) : null,
      "Repaid what you owed": unlessZero(data.repaidMillis),
      Purchase: data.purchaseId,
    }),
    ...whereTheyAre(data).map(text),
    toPurchase(site, data.purchaseId),
  ],
}));

function unlessZero(amount: Millis): string | null {
  return amount > 0n ? ducats(amount) : null;
}

/** On their way at most: that they arrived is for Venice to show, later. */
function whereTheyAre(data: z.output<typeof paid>): string[] {
  const credited = millis(data.totalMillis - data.repaidMillis);
  const sent = data.deliverTo === "venice" ? wholeDucats(credited) : millis(0n);
  const kept = millis(credited - sent);
  if (credited === 0n) return ["All of it repaid what you owed, so nothing is left to deliver."];
  if (sent === 0n) return [`${ducats(kept)} ${areOrIs(kept)} in your wallet here.`];
  const journey =
    `${ducats(sent)} ${areOrIs(sent)} on the way to ${data.citizen} in Venice. Venice books transfers in runs of its ` +
    "own, nominally three a day, so this can take some hours.";
  return kept === 0n ? [journey] : [journey, `The rest, ${ducats(kept)}, is in your wallet here.`];
}

function areOrIs(amount: Millis): string {
  return amount === 1_000n ? "is" : "are";
}

export const paymentFailed = template(
  z.object({
    purchaseId,
    usdCents: centsColumn,
    totalMillis: millisColumn,
    reason: z.string().nullable(),
  }),
  (data, site) => ({
    subject: "Your payment did not go through",
    blocks: [
      text("Nothing was charged, and no ducats were credited."),
      facts({
        Order: `${ducats(data.totalMillis)} for ${printCents(data.usdCents)}`,
        Reason: data.reason,
        Purchase: data.purchaseId,
      }),
      text("You can simply order again, with another card or way to pay if you like:"),
      action("Order again", `${site}/#buy`),
    ],
  }),
);

const refund = z.object({ usdCents: centsColumn, takenMillis: millisColumn });

/** Of a purchase, or of a subscription's invoice. */
export const refunded = template(
  z.union([
    refund.extend({ purchaseId }),
    refund.extend({ invoiceId: z.string(), notGrantedMillis: millisColumn }),
  ]),
  (data, site) => {
    const isOfPurchase = "purchaseId" in data;
    return {
      subject: `${printCents(data.usdCents)} are on the way back to you`,
      blocks: [
        text(
          "We have refunded you. Your bank shows it within some days, on the card or account that you paid with.",
        ),
        facts({
          Refunded: printCents(data.usdCents),
          "Taken back": unlessZero(data.takenMillis),
          ...(isOfPurchase
            ? { Purchase: data.purchaseId }
            : { "No longer granted": unlessZero(data.notGrantedMillis), Invoice: data.invoiceId }),
        }),
        text(
          isOfPurchase
            ? "Ducats that had been spent or had arrived in Venice by then are owed: your next purchase repays them first. What is " +
                "in the purse of a citizen whom you have proved your own may be fetched back from there."
            : "Ducats that had been spent by then are owed: your next purchase or paid month repays them first.",
        ),
        isOfPurchase ? toPurchase(site, data.purchaseId) : action("See your account", `${site}/account/`),
      ],
    };
  },
);

export const refundFailed = template(z.object({ purchaseId, usdCents: centsColumn }), (data, site) => ({
  subject: `Your refund of ${printCents(data.usdCents)} came back to us`,
  blocks: [
    text(
      "We wrote that it was on the way to you, but your bank did not take it. The ducats that we had taken back for it are yours again.",
    ),
    facts({ Refund: printCents(data.usdCents), Purchase: data.purchaseId }),
    text("We are looking into it. There is nothing you need to do."),
    toPurchase(site, data.purchaseId),
  ],
}));

export const deliveryLate = template(
  z.object({
    deliveryId: z.string(),
    purchaseId: purchaseId.nullable(),
    millis: millisColumn,
    citizen: z.string(),
    createdAt: timeColumn,
  }),
  (data, site) => ({
    subject: "Your ducats are taking longer than they should",
    blocks: [
      text(
        `${ducats(data.millis)} for ${data.citizen} ${areOrIs(data.millis)} still on the way to Venice, longer than ` +
          "Venice’s own runs explain.",
      ),
      text("Nothing is lost. We are looking into it, and there is nothing you need to do."),
      facts({ Since: printTime(data.createdAt), Delivery: data.deliveryId, Purchase: data.purchaseId }),
      data.purchaseId === null
        ? action("See your account", `${site}/account/`)
        : toPurchase(site, data.purchaseId),
    ],
  }),
);

export const lowBalance = template(z.object({ walletMillis: millisColumn }), ({ walletMillis }, site) => ({
  subject: `Your wallet is down to ${ducats(walletMillis)}`,
  blocks: [
    text(
      `Your wallet here has ${ducats(walletMillis)} left. Your programs pay from it; once it is empty, what they ask ` +
        "for is refused.",
    ),
    action("Buy ducats", `${site}/#buy`),
  ],
}));
