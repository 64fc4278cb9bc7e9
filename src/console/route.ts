// Which page the address means, and moving between pages without loading the console again.
import { useSyncExternalStore, type MouseEvent } from "react";

const base = "/console/";

export type Route =
  { readonly page: "jobs" | "workers" } | { readonly page: "job"; readonly jobId: string };

export const jobsHref = base;
export const workersHref = `${base}workers`;
export const jobHref = (jobId: string): string => `${base}jobs/${encodeURIComponent(jobId)}`;

export function useRoute(): Route {
  return routeOf(useSyncExternalStore(listen, () => location.pathname));
}

function routeOf(path: string): Route {
  if (path === workersHref) return { page: "workers" };
  const [, jobId] = /^\/console\/jobs\/([^/]+)\/?$/.exec(path) ?? [];
  return jobId === undefined ? { page: "jobs" } : { page: "job", jobId: decoded(jobId) };
}

/** What cannot be decoded is no id either: the server will say so. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const moved = "avtomatika:moved";

function listen(onMove: () => void): () => void {
  for (const type of ["popstate", moved]) addEventListener(type, onMove);
  return () => {
    for (const type of ["popstate", moved]) removeEventListener(type, onMove);
  };
}

/** For the `onClick` of a link: a plain click stays in the console, all others are the browser's. */
export function followLink(event: MouseEvent<HTMLAnchorElement>): void {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return;
  event.preventDefault();
  history.pushState(null, "", event.currentTarget.href);
  dispatchEvent(new Event(moved));
  scrollTo(0, 0);
}
