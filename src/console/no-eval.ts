// Tells zod not to make code from strings: the content security policy forbids it. Imported before any schema is made.
import { config } from "zod";

config({ jitless: true });
