// Sends one event, with whatever members it should carry.
import { useState, type FormEvent } from "react";
import type { Client } from "../client/client.ts";

interface Props {
  readonly client: Client;
  readonly jobId: string;
  /** Empty where the reader is to name the type. */
  readonly type: string;
  readonly onSent: () => void;
}

export function EventForm({ client, jobId, type, onSent }: Props) {
  const [named, setNamed] = useState(type);
  const [members, setMembers] = useState("{}");
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);

  async function send(): Promise<void> {
    setBusy(true);
    setProblem(undefined);
    try {
      const { status } = await client.send(jobId, { ...parseMembers(members), type: named });
      if (status === "accepted") onSent();
      else setProblem("The job, as it is now, has no transition for this event.");
    } catch (error) {
      setProblem((error as Error).message);
    } finally {
      setBusy(false);
    }
  }

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void send();
  };
  return (
    <form className="event-form" onSubmit={submit}>
      {type === "" && (
        <label>
          Type
          <input value={named} onChange={(event) => setNamed(event.target.value)} required />
        </label>
      )}
      <label>
        Members of the event, as JSON
        <textarea
          rows={3}
          spellCheck={false}
          value={members}
          onChange={(event) => setMembers(event.target.value)}
        />
      </label>
      {problem !== undefined && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <button className="button primary" type="submit" disabled={busy} autoFocus={type !== ""}>
        Send {named}
      </button>
    </form>
  );
}

function parseMembers(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text.trim() === "" ? "{}" : text);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error("The members of an event are a JSON object.");
  return value as Record<string, unknown>;
}
