// `avtomatika jobs …`: everything about jobs on a running server, one file for each verb.
import type { Command } from "commander";
import { withConnectionOptions } from "./connect.ts";
import { addJobsCancel } from "./jobs-cancel.ts";
import { addJobsGet } from "./jobs-get.ts";
import { addJobsHistory } from "./jobs-history.ts";
import { addJobsList } from "./jobs-list.ts";
import { addJobsMigrate } from "./jobs-migrate.ts";
import { addJobsRestart } from "./jobs-restart.ts";
import { addJobsSend } from "./jobs-send.ts";
import { addJobsStart } from "./jobs-start.ts";
import { addJobsWatch } from "./jobs-watch.ts";

export function addJobs(program: Command): void {
  const jobs = program.command("jobs").description("start jobs, look at them, talk to them");
  withConnectionOptions(jobs);
  addJobsStart(jobs);
  addJobsGet(jobs);
  addJobsList(jobs);
  addJobsWatch(jobs);
  addJobsSend(jobs);
  addJobsCancel(jobs);
  addJobsHistory(jobs);
  addJobsRestart(jobs);
  addJobsMigrate(jobs);
}
