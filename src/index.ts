// What the package gives to authors of blueprints.
export { stepNow } from "./actor/now.ts";
export { blueprint, type Blueprint } from "./blueprint/blueprint.ts";
export { F, type Condition, type Field, type JobFacts } from "./blueprint/condition.ts";
export {
  contractOf,
  type BlueprintContract,
  type ContractEvent,
  type ContractJob,
  type ContractTask,
  type JsonSchema,
} from "./blueprint/contract.ts";
export { dataStore, type DataStore } from "./blueprint/data-store.ts";
export { flow, type Flow } from "./blueprint/flow.ts";
export type { BranchResult, FlowActions } from "./blueprint/flow-actions.ts";
export type { FlowHandler, FlowHandlerContext } from "./blueprint/flow-handler.ts";
export { job, type JobLogic, type JobOptions, type ParentClose } from "./blueprint/job.ts";
export { inTurn } from "./blueprint/in-turn.ts";
export { exportBlueprint, type ExportOptions } from "./blueprint/interchange/export-machine.ts";
export { importBlueprint, type Implementations } from "./blueprint/interchange/import-machine.ts";
export { scxmlOf } from "./blueprint/interchange/scxml.ts";
export type { BlueprintDocument } from "./blueprint/interchange/document.ts";
export type {
  Comparison,
  Placement,
  Requirement,
  Requirements,
  Strategy,
  TaskLimit,
} from "./blueprint/placement.ts";
export {
  task,
  type TaskLogic,
  type TaskOutput,
  type TaskParams,
  type TaskProgressOf,
} from "./blueprint/task.ts";
export { RuntimeError, type ErrorCode } from "./errors.ts";
