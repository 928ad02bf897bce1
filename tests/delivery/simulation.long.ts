/** Days drawn by a seed, one worker at a time. */
import { proveSimulation } from "../support/delivery-simulation.ts";
import { byRow } from "../support/transport.ts";

proveSimulation(byRow, "one drain");
