// What a store keeps of the versions of blueprints that were ever served over it, until nobody needs them any more.

/** A row for each `name@version`: text that the store never looks into. */
export interface Shapes {
  /** Every row, by its version. */
  all(): Promise<ReadonlyMap<string, string>>;
  /**
   * Put a row in place of the one that is thought to be kept. Of several nodes that do so at once, one wins. Resolves when
   * durable.
   *
   * @param was undefined where there should be none
   * @param is undefined where none is to be kept any more
   * @returns the row that is kept now: `is`, unless another one than `was` is there
   */
  swap(
    version: string,
    was: string | undefined,
    is: string | undefined,
  ): Promise<string | undefined>;
}
