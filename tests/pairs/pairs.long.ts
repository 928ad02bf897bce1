/** Every place where a worker can die, pause or meet the game, with every fault: one credit, or none and the ducats back, or a person is told. */
import { provePairs } from "../support/delivery-pairs.ts";
import { byRow } from "../support/transport.ts";

provePairs(byRow);
