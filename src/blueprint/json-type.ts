// Which types survive JSON.stringify and JSON.parse unchanged, as a check for the compiler.

/** What JSON cannot carry: a member of such a type would come back as something else, or not at all. */
type Lossy =
  | bigint
  | symbol
  | Date
  | RegExp
  | Error
  | ReadonlyMap<never, never>
  | ReadonlySet<never>
  | ArrayBufferLike
  | ArrayBufferView
  | ((...args: never) => unknown);

type JsonSafe<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends Lossy
    ? { "does not survive JSON": T }
    : T extends object
      ? { [K in keyof T]: JsonSafe<T[K]> }
      : T;

/** `unknown` for a type that survives JSON, so that `S & MustBeJson<T>` is `S`; an unsatisfiable type otherwise. */
export type MustBeJson<T> = T extends JsonSafe<T> ? unknown : { ERROR: "does not survive JSON" };
