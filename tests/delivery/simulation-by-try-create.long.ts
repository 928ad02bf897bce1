/** Days drawn by a seed, by the game's own route, one worker at a time. */
import { proveSimulation } from "../support/delivery-simulation.ts";
import { byTryCreate } from "../support/transport.ts";

proveSimulation(byTryCreate, "one drain", "1-10");
