// Tells whether a request carries the right token. Only digests are kept, and they are compared in constant time.
import { hash, timingSafeEqual } from "node:crypto";

/** Reads a header by its lower-case name. */
export type ReadHeader = (name: string) => string | undefined;
export type Authentication = "ok" | "missing" | "invalid";
export type Authenticate = (header: ReadHeader) => Authentication;

/** The header that carries a client's token beside `Authorization: Bearer`. */
export const clientTokenHeader = "x-avtomatika-token";

/**
 * @param token The one that is right.
 * @param ownHeader The header that carries it, by its lower-case name; `Authorization: Bearer` where that is absent.
 */
export function createAuthenticate(token: string, ownHeader: string): Authenticate {
  const expected = digest(token);
  return (header) => {
    const given = header(ownHeader) ?? bearer(header("authorization"));
    if (given === undefined) return "missing";
    return timingSafeEqual(digest(given), expected) ? "ok" : "invalid";
  };
}

/** Digests are equally long, whatever the tokens are; `timingSafeEqual` needs that. */
function digest(token: string): Buffer {
  return hash("sha256", token, "buffer");
}

function bearer(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : /^bearer +(\S+) *$/i.exec(authorization)?.[1];
}
