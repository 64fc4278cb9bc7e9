// Tells whether a request carries a right token, and whose. Only digests are kept, and they are compared in constant time.
import { hash, timingSafeEqual } from "node:crypto";

/** Reads a header by its lower-case name. */
export type ReadHeader = (name: string) => string | undefined;
export type Authentication =
  | {
      readonly outcome: "ok";
      /** The name of the token, where it has one. */
      readonly client?: string;
    }
  | { readonly outcome: "missing" | "invalid" };
export type Authenticate = (header: ReadHeader) => Authentication;

/** The header that carries a client's token beside `Authorization: Bearer`. */
export const clientTokenHeader = "x-avtomatika-token";

export interface ClientTokens {
  /** One without a name. */
  readonly shared?: string;
  /** Others by their names. */
  readonly named?: ReadonlyMap<string, string>;
}

/** @param tokens Those that are right. */
export function createAuthenticate({ shared, named = new Map() }: ClientTokens): Authenticate {
  const known = [
    ...(shared === undefined ? [] : [{ token: digest(shared), is: { outcome: "ok" } as const }]),
    ...[...named].map(([client, token]) => ({
      token: digest(token),
      is: { outcome: "ok", client } as const,
    })),
  ];
  return (header) => {
    const text = header(clientTokenHeader) ?? bearer(header("authorization"));
    if (text === undefined) return { outcome: "missing" };
    const given = digest(text);
    let found: Authentication = { outcome: "invalid" };
    // All of them, whichever it is: the time tells nothing.
    for (const { token, is } of known) if (timingSafeEqual(given, token)) found = is;
    return found;
  };
}

/** Digests are equally long, whatever the tokens are; `timingSafeEqual` needs that. */
function digest(token: string): Buffer {
  return hash("sha256", token, "buffer");
}

function bearer(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : /^bearer +(\S+) *$/i.exec(authorization)?.[1];
}
