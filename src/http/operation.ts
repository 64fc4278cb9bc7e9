// One operation of the contract: what it is called with, checked, and the handler behind it.
import type { z } from "zod";
import { RuntimeError } from "../errors.ts";
import type { Contract, Operation, OperationName } from "../protocol/contract.ts";
import type { JsonAnswer } from "./answer.ts";

/** What a handler is called with: everything is checked. */
export interface Call<Op extends Operation> {
  readonly params: Readonly<Record<PathParam<Op["path"]>, string>>;
  readonly query: Part<Op, "query">;
  readonly headers: Part<Op, "headers">;
  readonly body: Part<Op, "body">;
  /** The name of the token that the call came with, where it has one. */
  readonly client: string | undefined;
  readonly onClientGone: OnClientGone;
}

/** Registers a listener for the end of the call, be it that it has been answered: called at once where the client has gone already. */
export type OnClientGone = (listener: () => void) => void;

type PathParam<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | PathParam<Rest>
  : never;
type Part<Op, Name extends string> =
  Op extends Readonly<Record<Name, infer Schema extends z.ZodType>> ? z.output<Schema> : undefined;

export type Reply = JsonAnswer | Response;
export type Handler<Op extends Operation> = (call: Call<Op>) => Reply | Promise<Reply>;
/** A handler for each operation named; the compiler asks for what is missing. */
export type Handlers<Name extends OperationName> = {
  readonly [Each in Name]: Handler<Contract[Each]>;
};

/** What somebody who may asks of an operation, before anything of it is checked. */
export interface Asked extends Pick<Call<Operation>, "client" | "onClientGone"> {
  readonly params: Readonly<Record<string, string>>;
  query(): Readonly<Record<string, string>>;
  /** @param name in lower case */
  header(name: string): string | undefined;
  /** Its JSON; undefined where there is none and `mayBeEmpty`. */
  body(mayBeEmpty: boolean): unknown;
}
export type Perform = (asked: Asked) => Reply | Promise<Reply>;

/**
 * An operation with its handler.
 *
 * @returns what throws a RuntimeError `request.invalid` for what the operation's schemas refuse, or what the handler throws
 */
export function performer<Op extends Operation>(operation: Op, handler: Handler<Op>): Perform {
  const { query, queryRefusal, headers, body, bodyIsOptional = false } = operation as Operation;
  const headerNames = Object.keys(headers?.shape ?? {});
  // The parts are parsed by the schemas that their types are inferred from; TypeScript cannot follow that through `Op`.
  const call = ({ client, params, onClientGone, ...asked }: Asked, parsedBody: unknown) =>
    ({
      client,
      params,
      query: query && parsed("query", query, asked.query(), queryRefusal),
      headers: headers && parsed("header", headers, picked(asked, headerNames)),
      body: parsedBody,
      onClientGone,
    }) as Call<Op>;

  return (asked) => {
    if (!body) return handler(call(asked, undefined));
    const perform = (value: unknown) => handler(call(asked, parsed("body", body, value)));
    const given = asked.body(bodyIsOptional);
    return given instanceof Promise ? given.then(perform) : perform(given);
  };
}

function picked(
  { header }: Pick<Asked, "header">,
  names: readonly string[],
): Record<string, string | undefined> {
  return Object.fromEntries(names.map((name) => [name, header(name)]));
}

function parsed(part: string, schema: z.ZodType, value: unknown, words?: string): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => ({
    path: [part, ...path].map(String).join("."),
    message,
  }));
  const [first] = issues;
  throw new RuntimeError("request.invalid", words ?? `${first?.path}: ${first?.message}`, {
    issues,
  });
}
