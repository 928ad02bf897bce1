/** Days drawn by a seed, by the game's own route, five workers at once. */
import { proveSimulation } from "../support/delivery-simulation.ts";
import { byTryCreate } from "../support/transport.ts";

proveSimulation(byTryCreate, "five drains at once", "11-20");
