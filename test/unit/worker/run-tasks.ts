// A worker process for the files that it is given.
import { runTaskFiles } from "../../../worker/main.ts";

await runTaskFiles(process.argv.slice(2));
