// The client token of this browser tab: taken from the address or the form, kept until the tab is closed.

const storageKey = "avtomatika.token";

/**
 * The token, if there is one. A token in the address (`#token=…`) wins, and is taken out of it at once, so
 * that it is neither shared with a copied link nor shown to who looks over a shoulder.
 */
export function readToken(): string | undefined {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(storageKey, given);
    history.replaceState(history.state, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(storageKey) ?? undefined;
}

export function keepToken(token: string): void {
  sessionStorage.setItem(storageKey, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(storageKey);
}
