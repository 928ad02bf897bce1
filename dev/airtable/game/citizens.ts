/** The citizens a fresh base begins with: the processor that pays, and a dozen invented Venetians. */

type Citizen = {
  readonly Username: string;
  readonly FirstName: string;
  readonly LastName: string;
  readonly SocialClass: string;
  readonly Ducats: number;
  readonly Influence?: number;
  readonly Description?: string;
  readonly IsAI?: boolean;
  readonly InVenice?: boolean;
};

export const PROCESSOR_USERNAME = "CASCADE_PAYMENT_PROCESSOR";

export const PROCESSOR: Citizen = {
  Username: PROCESSOR_USERNAME,
  FirstName: "CASCADE",
  LastName: "Payment Processor",
  SocialClass: "Innovatori",
  Ducats: 1_000_000,
  Influence: 1_000,
  IsAI: true,
  InVenice: true,
};

function resident(
  username: string,
  firstName: string,
  lastName: string,
  socialClass: string,
  ducats: number,
  more: Partial<Citizen> = {},
): Citizen {
  return {
    Username: username,
    FirstName: firstName,
    LastName: lastName,
    SocialClass: socialClass,
    Ducats: ducats,
    InVenice: true,
    ...more,
  };
}

export const RESIDENTS: readonly Citizen[] = [
  resident("GlassMaker_Zorzi", "Zorzi", "Ballarin", "Cittadini", 12_400),
  resident("SaltMerchantPisana", "Pisana", "Bragadin", "Nobili", 186_250, { Influence: 420 }),
  resident("gondoliere_77", "Menego", "Scarpa", "Facchini", 318),
  resident("CartographerMarin", "Marin", "Sanudo", "Artisti", 4_075, { IsAI: true }),
  // Decimal ducats are real in the game: a purse must not be read as an integer.
  resident("LaceWeaverOrsola", "Orsola", "Zennaro", "Popolani", 2_190.375),
  // The quote is here to catch formulas that are built without escaping.
  resident("Bepi_Dall'Oro", "Bepi", "Dall'Oro", "Cittadini", 7_730.5),
  resident("RialtoBanker", "Alvise", "Querini", "Nobili", 942_000, { Influence: 880 }),
  resident("SpiceTraderLeyla", "Leyla", "Osmanova", "Forestieri", 53_618),
  // Away from Venice: the game's public list does not show her.
  resident("VerdigrisNina", "Nina", "Morosini", "Artisti", 1_250, { InVenice: false }),
  resident("arsenal_caulker", "Tonin", "Vianello", "Facchini", 96, { IsAI: true }),
  resident("PrinterAldina", "Aldina", "Torresani", "Innovatori", 15_005, { IsAI: true }),
  resident("BarnabottoLuca", "Luca", "Contarini", "Nobili", 0),
];
