// Who asks for something that histories keep: the token's name is certain, what they say of themselves is an addition.

/** What the record of a named token begins with. Nobody else's does. */
const certain = "token ";

/**
 * @param client the name of the token, where it has one
 * @param said what the caller says of itself, where it says anything
 * @returns `token ops`, `token ops: ann@desk`, `ann@desk`, `a client`
 */
export function askedBy(client: string | undefined, said: string | undefined): string {
  if (client !== undefined) return `${certain}${client}${said === undefined ? "" : `: ${said}`}`;
  if (said === undefined) return "a client";
  return said.trimStart().toLowerCase().startsWith(certain) ? `a client: ${said}` : said;
}
