// Names for the lives of a store.

const epochLength = 10;

/**
 * A name that no life of any store had before: random, because a counter kept in the store would be rewound together
 * with it.
 */
export function newEpoch(): string {
  const random = crypto.getRandomValues(new Uint8Array(epochLength));
  return Array.from(random, (byte) => (byte % 36).toString(36)).join("");
}
