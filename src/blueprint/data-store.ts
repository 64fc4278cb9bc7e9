// A data store in the memory of this process, as the Python system has them.

/** What handlers of a flow may look up. Every node has its own, and none outlives its process. */
export interface DataStore<Value> {
  get(key: string): Promise<Value | undefined>;
  set(key: string, value: Value): Promise<void>;
  delete(key: string): Promise<boolean>;
  keys(): Promise<readonly string[]>;
}

/**
 * Make a data store that begins with `initial`.
 *
 * It holds what handlers look up and what may be forgotten: prices, limits, a cache. Nothing here is durable or shared between
 * nodes, and a handler that runs twice writes twice. What a job has to keep belongs into its `stateHistory`.
 */
export function dataStore<Value>(initial: Readonly<Record<string, Value>> = {}): DataStore<Value> {
  const values = new Map<string, Value>(Object.entries(structuredClone(initial)));
  return {
    get: async (key) => values.get(key),
    set: async (key, value) => void values.set(key, value),
    delete: async (key) => values.delete(key),
    keys: async () => [...values.keys()],
  };
}
