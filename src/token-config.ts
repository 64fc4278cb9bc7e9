// Tokens in the environment: how named ones are written, and which are not safe where others can reach the server.
import type { z } from "zod";
import { RuntimeError } from "./errors.ts";

export interface TokenValues {
  readonly CLIENT_TOKEN?: string | undefined;
  readonly CLIENT_TOKENS?: ReadonlyMap<string, string> | undefined;
  readonly GLOBAL_WORKER_TOKEN?: string | undefined;
}

/** `name:token,name:token`. A token is never repeated in what is wrong. */
export function namedTokens(text: string, context: z.RefinementCtx): ReadonlyMap<string, string> {
  const tokens = new Map<string, string>();
  for (const [index, entry] of text.split(",").entries()) {
    const [, name, token] = /^\s*([A-Za-z][\w.@-]{0,63}):(\S+)\s*$/.exec(entry) ?? [];
    const wrong = (message: string) => context.addIssue({ code: "custom", message });
    if (name === undefined || token === undefined)
      wrong(`entry ${index + 1} must be name:token, the name of letters, digits, _, -, . and @`);
    else if (tokens.has(name)) wrong(`the name ${name} stands there twice`);
    else if ([...tokens.values()].includes(token))
      wrong(`${name} has the same token as another name`);
    else tokens.set(name, token);
  }
  return tokens;
}

/** Tokens that stand in the examples of this system and of its predecessors: everybody knows them. */
const wellKnownTokens: ReadonlySet<string> = new Set([
  "secure-orchestrator-token",
  "secure-worker-token",
  "your-secret-client-token",
  "your-secret-orchestrator-token",
  "your-secret-worker-token",
  "test-client-token",
  "test-worker-token",
]);
const tokenCharsMin = 16;

/** @throws RuntimeError `config.insecure`, naming every token that is not safe, without repeating it */
export function refuseUnsafeTokens(values: TokenValues, why: string): void {
  const { CLIENT_TOKEN, CLIENT_TOKENS = new Map<string, string>() } = values;
  const named = [...CLIENT_TOKENS].map(
    ([name, token]) => [`CLIENT_TOKENS ${name}`, token] as const,
  );
  const tokens: readonly (readonly [string, string | undefined])[] = [
    ...(named.length > 0 && CLIENT_TOKEN === undefined
      ? []
      : [["CLIENT_TOKEN", CLIENT_TOKEN] as const]),
    ...named,
    ["GLOBAL_WORKER_TOKEN", values.GLOBAL_WORKER_TOKEN],
  ];
  const problems = tokens.flatMap(([name, token]) => {
    if (token === undefined) return [`${name} is not set`];
    if (wellKnownTokens.has(token))
      return [`${name} is a token from an example, which everybody knows`];
    if (token.length < tokenCharsMin)
      return [`${name} is shorter than ${tokenCharsMin} characters`];
    return [];
  });
  if (CLIENT_TOKEN !== undefined && CLIENT_TOKEN === values.GLOBAL_WORKER_TOKEN)
    problems.push(
      "CLIENT_TOKEN and GLOBAL_WORKER_TOKEN are the same: a worker could act as a client",
    );
  for (const [name, token] of named) {
    if (token === values.GLOBAL_WORKER_TOKEN)
      problems.push(`${name} and GLOBAL_WORKER_TOKEN are the same: a worker could act as a client`);
    if (token === CLIENT_TOKEN)
      problems.push(`${name} and CLIENT_TOKEN are the same: nobody could tell who asks`);
  }
  if (problems.length === 0) return;
  throw new RuntimeError(
    "config.insecure",
    `Refusing to start, because ${why}:\n${problems.map((problem) => `  ${problem}`).join("\n")}\nMake a token with: openssl rand -base64 32`,
    { problems },
  );
}
