// The console's frame: who is signed in, the bar on top, and the page below it.
import { useEffect, useMemo, useState } from "react";
import { createClient, type Client } from "../client/client.ts";
import { JobPage } from "./job-page.tsx";
import { JobsPage } from "./jobs-page.tsx";
import { followLink, jobsHref, useRoute, workersHref, type Route } from "./route.ts";
import { forgetToken, keepToken, readToken } from "./session.ts";
import { SignIn } from "./sign-in.tsx";
import { WorkersPage } from "./workers-page.tsx";

export function App() {
  const [token, setToken] = useState(readToken);
  const [refused, setRefused] = useState(false);
  const route = useRoute();

  // A new server has a new token, and its address may be opened in the tab that has the old one: no page is loaded then.
  useEffect(() => {
    const take = () => {
      setToken(readToken());
      setRefused(false);
    };
    addEventListener("hashchange", take);
    return () => removeEventListener("hashchange", take);
  }, []);

  const client = useMemo(() => {
    if (token === undefined) return undefined;
    return clientOf(token, () => {
      forgetToken();
      setToken(undefined);
      setRefused(true);
    });
  }, [token]);

  if (!client) {
    const signIn = (given: string) => {
      keepToken(given);
      setRefused(false);
      setToken(given);
    };
    return <SignIn refused={refused} onToken={signIn} />;
  }
  const signOut = () => {
    forgetToken();
    setToken(undefined);
  };
  return (
    <>
      <header className="bar">
        <a className="brand" href={jobsHref} onClick={followLink}>
          <img src={`${import.meta.env.BASE_URL}icon.svg`} alt="" width="22" height="22" />
          Avtomatika
        </a>
        <nav aria-label="Main">
          <a href={jobsHref} onClick={followLink} aria-current={route.page === "jobs" && "page"}>
            Jobs
          </a>
          <a
            href={workersHref}
            onClick={followLink}
            aria-current={route.page === "workers" && "page"}
          >
            Workers
          </a>
        </nav>
        <button className="button quiet" type="button" onClick={signOut}>
          Sign out
        </button>
      </header>
      <Page client={client} route={route} />
    </>
  );
}

function Page({ client, route }: { readonly client: Client; readonly route: Route }) {
  switch (route.page) {
    case "jobs":
      return <JobsPage client={client} />;
    case "job":
      return <JobPage key={route.jobId} client={client} jobId={route.jobId} />;
    case "workers":
      return <WorkersPage client={client} />;
  }
}

/** @param onRefused Called when the server does not take the token. */
function clientOf(token: string, onRefused: () => void): Client {
  return createClient({
    url: location.origin,
    token,
    async fetch(url, init) {
      const answer = await fetch(url, init);
      if (answer.status === 401) onRefused();
      return answer;
    },
  });
}
