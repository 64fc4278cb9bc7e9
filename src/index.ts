// What the package gives to authors of blueprints.
export { stepNow } from "./actor/now.ts";
export { blueprint, type Blueprint } from "./blueprint/blueprint.ts";
export { flow, type Flow } from "./blueprint/flow.ts";
export type { FlowHandler, FlowHandlerContext } from "./blueprint/flow-handler.ts";
export { inTurn } from "./blueprint/in-turn.ts";
export { exportBlueprint, type ExportOptions } from "./blueprint/interchange/export-machine.ts";
export { importBlueprint, type Implementations } from "./blueprint/interchange/import-machine.ts";
export { scxmlOf } from "./blueprint/interchange/scxml.ts";
export type { BlueprintDocument } from "./blueprint/interchange/document.ts";
export {
  task,
  type TaskLogic,
  type TaskOutput,
  type TaskParams,
  type TaskProgressOf,
} from "./blueprint/task.ts";
export { RuntimeError, type ErrorCode } from "./errors.ts";
