/** Stripe's test card numbers, and what paying with each comes to. */
import type { Opening } from "../disputes/open.ts";

export type Decline = {
  readonly code: string;
  readonly declineCode: string | undefined;
  readonly message: string;
  /** The network's outcome on the charge. */
  readonly reason: string;
};

export type TestCard = {
  readonly number: string;
  readonly brand: "visa" | "mastercard";
  readonly funding: "credit" | "debit";
  /** The holder has to prove who they are before anything else happens. */
  readonly authenticates?: true;
  /** …also when the card was stored with such a proof and its holder is not there. */
  readonly always?: true;
  readonly decline?: Decline;
  /** It can be stored all the same: only charges are declined. */
  readonly attaches?: true;
  /** The bank disputes the payment as soon as it is made. */
  readonly dispute?: Opening;
  /** A refund begins as pending, or seems to have succeeded and fails after all. */
  readonly refund?: "succeeds_later" | "fails_later";
  /** For people: what it does, when it is no plain success or decline. */
  readonly note?: string;
};

/** A number no charge is made for: mistyped, or a card that is not for tests. */
export type Unusable = {
  readonly code: string;
  readonly declineCode: string | undefined;
  readonly message: string;
};

export const SUCCESS_NUMBER = "4242424242424242";
export const DECLINED_NUMBER = "4000000000000002";
export const STORED_AND_DECLINED_NUMBER = "4000000000000341";

export const testCards: readonly TestCard[] = [
  { number: SUCCESS_NUMBER, brand: "visa", funding: "credit" },
  { number: "4000056655665556", brand: "visa", funding: "debit" },
  { number: "5555555555554444", brand: "mastercard", funding: "credit" },
  {
    number: DECLINED_NUMBER,
    brand: "visa",
    funding: "credit",
    decline: {
      code: "card_declined",
      declineCode: "generic_decline",
      message: "Your card was declined.",
      reason: "generic_decline",
    },
  },
  {
    number: "4000000000009995",
    brand: "visa",
    funding: "credit",
    decline: {
      code: "card_declined",
      declineCode: "insufficient_funds",
      message: "Your card has insufficient funds.",
      reason: "insufficient_funds",
    },
  },
  {
    number: "4000000000000069",
    brand: "visa",
    funding: "credit",
    decline: {
      code: "expired_card",
      declineCode: undefined,
      message: "Your card has expired.",
      reason: "expired_card",
    },
  },
  {
    number: "4000000000000127",
    brand: "visa",
    funding: "credit",
    decline: {
      code: "incorrect_cvc",
      declineCode: undefined,
      message: "Your card's security code is incorrect.",
      reason: "incorrect_cvc",
    },
  },
  {
    number: STORED_AND_DECLINED_NUMBER,
    brand: "visa",
    funding: "credit",
    attaches: true,
    note: "Can be stored; every charge is declined",
    decline: {
      code: "card_declined",
      declineCode: "generic_decline",
      message: "Your card was declined.",
      reason: "generic_decline",
    },
  },
  {
    number: "4000002500003155",
    brand: "visa",
    funding: "credit",
    authenticates: true,
    note: "Asks for 3-D Secure",
  },
  {
    number: "4000002760003184",
    brand: "visa",
    funding: "credit",
    authenticates: true,
    always: true,
    note: "Asks for 3-D Secure, always",
  },
  {
    number: "4000008400001629",
    brand: "visa",
    funding: "credit",
    authenticates: true,
    note: "Asks for 3-D Secure, is declined after it",
    decline: {
      code: "card_declined",
      declineCode: "generic_decline",
      message: "Your card was declined.",
      reason: "generic_decline",
    },
  },
  {
    number: "4000000000000259",
    brand: "visa",
    funding: "credit",
    note: "Succeeds, then is disputed as fraudulent",
    dispute: { status: "needs_response", reason: "fraudulent" },
  },
  {
    number: "4000000000002685",
    brand: "visa",
    funding: "credit",
    note: "Succeeds, then is disputed as not received",
    dispute: { status: "needs_response", reason: "product_not_received" },
  },
  {
    number: "4000000000001976",
    brand: "visa",
    funding: "credit",
    note: "Succeeds, then the bank inquires about it",
    dispute: { status: "warning_needs_response", reason: "general" },
  },
  {
    number: "4000000000007726",
    brand: "visa",
    funding: "credit",
    note: "Succeeds; a refund is pending for a minute",
    refund: "succeeds_later",
  },
  {
    number: "4000000000005126",
    brand: "visa",
    funding: "credit",
    note: "Succeeds; a refund fails after a minute",
    refund: "fails_later",
  },
];

/** Stripe's ready-made payment methods for tests: storing one makes a payment method of that card. */
export const testMethods: Readonly<Record<string, string>> = {
  pm_card_visa: SUCCESS_NUMBER,
  pm_card_visa_debit: "4000056655665556",
  pm_card_mastercard: "5555555555554444",
  pm_card_authenticationRequired: "4000002760003184",
  pm_card_authenticationRequiredOnSetup: "4000002500003155",
  pm_card_chargeCustomerFail: STORED_AND_DECLINED_NUMBER,
  pm_card_chargeDeclined: DECLINED_NUMBER,
  pm_card_chargeDeclinedInsufficientFunds: "4000000000009995",
  pm_card_createDispute: "4000000000000259",
};

export function readCard(text: string): TestCard | Unusable {
  const number = text.replaceAll(/[\s-]/g, "");
  const card = testCards.find((each) => each.number === number);
  if (card) return card;
  if (!/^\d{12,19}$/.test(number) || !passesLuhn(number)) {
    return { code: "incorrect_number", declineCode: undefined, message: "Your card number is incorrect." };
  }
  return {
    code: "card_declined",
    declineCode: "test_mode_live_card",
    message: "Your card was declined. Your request was in test mode, but used a non test card.",
  };
}

function passesLuhn(number: string): boolean {
  let sum = 0;
  for (const [index, digit] of number.split("").reverse().entries()) {
    const doubled = Number(digit) * (index % 2 === 0 ? 1 : 2);
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
