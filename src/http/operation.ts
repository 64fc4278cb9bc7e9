// One operation of the contract as a route: who may call it, what it is called with, and the handler behind it.
import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import type { z } from "zod";
import { RuntimeError } from "../errors.ts";
import type { Contract, Operation, OperationName } from "../protocol/contract.ts";
import { problem } from "./answer.ts";
import type { Authenticate, Authentication } from "./auth.ts";
import { readJson } from "./request-body.ts";

/** What a handler is called with: everything is checked. */
export interface Call<Op extends Operation> {
  readonly params: Readonly<Record<PathParam<Op["path"]>, string>>;
  readonly query: Part<Op, "query">;
  readonly headers: Part<Op, "headers">;
  readonly body: Part<Op, "body">;
  /** The name of the token that the call came with, where it has one. */
  readonly client: string | undefined;
  /** Have a listener called when the connection ends, be it that the request has been answered. */
  readonly onClientGone: OnClientGone;
}

/** Registers a listener, which is called at once where the client has gone already. */
export type OnClientGone = (listener: () => void) => void;

type PathParam<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | PathParam<Rest>
  : never;
type Part<Op, Name extends string> =
  Op extends Readonly<Record<Name, infer Schema extends z.ZodType>> ? z.output<Schema> : undefined;

export type Handler<Op extends Operation> = (call: Call<Op>) => Response | Promise<Response>;
/** A handler for each operation named; the compiler asks for what is missing. */
export type Handlers<Name extends OperationName> = {
  readonly [Each in Name]: Handler<Contract[Each]>;
};

/** The Hono handler of an operation. */
export function routeOf<Op extends Operation>(
  operation: Op,
  handler: Handler<Op>,
  authenticate: Authenticate,
): (context: Context) => Response | Promise<Response> {
  const { auth, query, queryRefusal, headers, body, bodyIsOptional } = operation as Operation;
  const headerNames = Object.keys(headers?.shape ?? {});
  // The parts are parsed by the schemas that their types are inferred from; TypeScript cannot follow that through `Op`.
  const call = (context: Context, client: string | undefined, parsedBody: unknown) =>
    ({
      client,
      params: context.req.param(),
      query: query && parsed("query", query, context.req.query(), queryRefusal),
      headers: headers && parsed("header", headers, picked(context, headerNames)),
      body: parsedBody,
      onClientGone: (listener) => onClientGone(context, listener),
    }) as Call<Op>;

  const answer = (context: Context): Response | Promise<Response> => {
    const asked = auth === "client" ? authenticate((name) => context.req.header(name)) : anybody;
    if (asked.outcome !== "ok") return refusal(asked.outcome);
    const { client } = asked;
    if (!body) return handler(call(context, client, undefined));
    return readJson(context.req, bodyIsOptional ?? false).then((value) =>
      handler(call(context, client, parsed("body", body, value))),
    );
  };
  return (context) => (context.req.method === "HEAD" ? headOf(answer(context)) : answer(context));
}

/** Hono answers HEAD with what GET would say, and drops the body: a stream in it has to be told that nobody reads. */
async function headOf(answer: Response | Promise<Response>): Promise<Response> {
  const { body, status, headers } = await answer;
  await body?.cancel();
  return new Response(null, { status, headers });
}

/**
 * A served request is asked for its connection: asking it for its own signal makes a whole web Request of it, which
 * costs as much as the rest of a short call.
 */
function onClientGone({ env, req }: Context, listener: () => void): void {
  const outgoing = (env as Partial<HttpBindings> | undefined)?.outgoing;
  const hasGone = outgoing ? outgoing.destroyed : req.raw.signal.aborted;
  if (hasGone) listener();
  else if (outgoing) outgoing.once("close", listener);
  else req.raw.signal.addEventListener("abort", listener, { once: true });
}

const anybody: Authentication = { outcome: "ok" };

function refusal(outcome: "missing" | "invalid"): Response {
  const headers = { "www-authenticate": 'Bearer realm="avtomatika"' };
  switch (outcome) {
    case "missing":
      return problem("auth.missing_token", "Missing X-Avtomatika-Token header", { headers });
    case "invalid":
      return problem("auth.invalid_token", "Unauthorized: Invalid token", { headers });
  }
}

function picked(context: Context, names: readonly string[]): Record<string, string | undefined> {
  return Object.fromEntries(names.map((name) => [name, context.req.header(name)]));
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
