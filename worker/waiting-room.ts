// Who waits for something to become true is asked again whenever anything has changed.

export class WaitingRoom {
  readonly #checks = new Set<() => void>();

  /** Something has changed. */
  notify(): void {
    for (const check of this.#checks) check();
  }

  /** Resolves once the condition holds; rejects where there is a failure before that. */
  until(condition: () => boolean, failure: () => Error | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const holds = condition();
        const error = holds ? undefined : failure();
        if (!holds && !error) return;
        this.#checks.delete(check);
        if (error) reject(error);
        else resolve();
      };
      this.#checks.add(check);
      check();
    });
  }
}
