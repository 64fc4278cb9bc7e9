// A worker process as `avtomatika worker run` makes it, for the files that it is given.
import { runTaskFiles } from "../../../worker/main.ts";

await runTaskFiles(process.argv.slice(2));
