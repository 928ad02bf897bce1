/** The citizen who pays our customers in Venice: nobody's own, for what he pays himself the game adds to his purse. */
export const PROCESSOR = "CASCADE_PAYMENT_PROCESSOR";
