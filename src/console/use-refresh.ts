// Reads something again and again while somebody looks at it.
import { useCallback, useEffect, useRef, useState } from "react";

const refreshMs = 5000;

export interface Refresh {
  /** Why the last reading failed, if it did. */
  readonly problem: string | undefined;
  /** Read now. */
  readonly refresh: () => void;
}

/**
 * Reads at once, when the window gets the focus, and every few seconds while it can be seen.
 *
 * @param read Keeps what it has read. Each reading ends the one before; another `read` starts anew.
 */
export function useRefresh(read: (signal: AbortSignal) => Promise<void>): Refresh {
  const [problem, setProblem] = useState<string>();
  const reading = useRef<AbortController>(undefined);

  const refresh = useCallback(() => {
    reading.current?.abort();
    const { signal } = (reading.current = new AbortController());
    read(signal)
      .then(() => setProblem(undefined))
      .catch((error: unknown) => {
        if (!signal.aborted) setProblem((error as Error).message);
      });
  }, [read]);

  useEffect(() => {
    refresh();
    const look = () => {
      if (document.visibilityState === "visible") refresh();
    };
    const timer = setInterval(look, refreshMs);
    addEventListener("focus", look);
    return () => {
      clearInterval(timer);
      removeEventListener("focus", look);
      reading.current?.abort();
    };
  }, [refresh]);

  return { problem, refresh };
}
