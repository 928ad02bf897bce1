/** Pages without anything of their own to do. */
import { showSession } from "../session.ts";

void showSession();
