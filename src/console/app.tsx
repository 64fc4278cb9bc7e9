// The console's frame: who is signed in, the bar on top, and the page below it.
import { useMemo, useState } from "react";
import { createApi } from "./api.ts";
import { JobPage } from "./job-page.tsx";
import { JobsPage } from "./jobs-page.tsx";
import { followLink, jobsHref, useRoute } from "./route.ts";
import { forgetToken, keepToken, readToken } from "./session.ts";
import { SignIn } from "./sign-in.tsx";

export function App() {
  const [token, setToken] = useState(readToken);
  const [refused, setRefused] = useState(false);
  const route = useRoute();

  const api = useMemo(() => {
    if (token === undefined) return undefined;
    return createApi(token, () => {
      forgetToken();
      setToken(undefined);
      setRefused(true);
    });
  }, [token]);

  if (!api) {
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
        </nav>
        <button className="button quiet" type="button" onClick={signOut}>
          Sign out
        </button>
      </header>
      {route.page === "job" ? (
        <JobPage key={route.jobId} api={api} jobId={route.jobId} />
      ) : (
        <JobsPage api={api} />
      )}
    </>
  );
}
