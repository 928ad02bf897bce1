/** Days drawn by a seed, five workers at once. */
import { proveSimulation } from "../support/delivery-simulation.ts";
import { byRow } from "../support/transport.ts";

proveSimulation(byRow, "five drains at once");
