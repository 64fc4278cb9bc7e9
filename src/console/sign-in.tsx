// Asks for the client token.
import { useState, type FormEvent } from "react";

interface Props {
  readonly refused: boolean;
  readonly onToken: (token: string) => void;
}

export function SignIn({ refused, onToken }: Props) {
  const [token, setToken] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (token.trim()) onToken(token.trim());
  };
  return (
    <main className="sign-in">
      <form onSubmit={submit} className="panel">
        <h1>Avtomatika</h1>
        <label htmlFor="token">Client token</label>
        <input
          id="token"
          type="password"
          autoComplete="off"
          spellCheck={false}
          autoFocus
          value={token}
          onChange={(event) => setToken(event.target.value)}
          aria-describedby="token-hint"
          aria-invalid={refused}
        />
        {refused && (
          <p className="problem" role="alert">
            The server does not take this token.
          </p>
        )}
        <p id="token-hint" className="faint">
          The server prints it when it starts, and knows it as <code>CLIENT_TOKEN</code>. It stays
          in this browser tab.
        </p>
        <button className="button primary" type="submit">
          Sign in
        </button>
      </form>
    </main>
  );
}
