// Where a handler runs, and what it may use there.

/** `none`: in the worker's own thread. `thread`: in a thread of its own. `process`: in a process of its own. */
export type Isolation = "none" | "thread" | "process";
