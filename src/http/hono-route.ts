// An operation as a route of the HTTP application: who may call it, and what a request asks of it.
import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import { problem, responseOf } from "./answer.ts";
import type { Authenticate, Authentication } from "./auth.ts";
import { readJson } from "./request-body.ts";
import type { Route } from "./routes.ts";

/** The Hono handler of a route. */
export function honoRoute(
  { operation, perform }: Route,
  authenticate: Authenticate,
): (context: Context) => Response | Promise<Response> {
  const answer = (context: Context): Response | Promise<Response> => {
    const { req } = context;
    const header = (name: string): string | undefined => req.header(name);
    const authentication = operation.auth === "client" ? authenticate(header) : anybody;
    if (authentication.outcome !== "ok") return responseOf(refusal(authentication.outcome));
    const reply = perform({
      client: authentication.client,
      params: req.param(),
      query: () => req.query(),
      header,
      body: (mayBeEmpty) => readJson(req, mayBeEmpty),
      onClientGone: (listener) => onClientGone(context, listener),
    });
    return reply instanceof Promise ? reply.then(responseOf) : responseOf(reply);
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

function refusal(outcome: "missing" | "invalid") {
  const headers = { "www-authenticate": 'Bearer realm="avtomatika"' };
  switch (outcome) {
    case "missing":
      return problem("auth.missing_token", "Missing X-Avtomatika-Token header", { headers });
    case "invalid":
      return problem("auth.invalid_token", "Unauthorized: Invalid token", { headers });
  }
}
