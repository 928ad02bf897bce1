/** The same for the game's own route: every call of a run that asks for a transfer, with every fault, and those of the game's API. */
import { provePairs } from "../support/delivery-pairs.ts";
import { byTryCreate } from "../support/transport.ts";

provePairs(byTryCreate);
