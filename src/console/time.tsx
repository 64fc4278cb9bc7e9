// Moments and durations, as people read them.
import { useEffect, useState } from "react";

/** The time, again and again. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** `3 min ago`, with the exact moment as a tooltip. */
export function Ago({ at, now }: { readonly at: string; readonly now: number }) {
  const seconds = Math.floor((now - Date.parse(at)) / 1000);
  const past = seconds < 60 ? `${seconds} s` : shortDuration(seconds * 1000);
  return (
    <time dateTime={at} title={new Date(at).toLocaleString()}>
      {seconds < 2 ? "just now" : `${past} ago`}
    </time>
  );
}

export function Clock({ at }: { readonly at: string }) {
  const date = new Date(at);
  const time = date.toLocaleTimeString(undefined, { hour12: false });
  return (
    <time dateTime={at} title={date.toLocaleString()}>
      {time}
      <small>.{String(date.getMilliseconds()).padStart(3, "0")}</small>
    </time>
  );
}

const units = [
  { ms: 86_400_000, name: "d" },
  { ms: 3_600_000, name: "h" },
  { ms: 60_000, name: "min" },
] as const;

/** To the nearest unit that matters: `840 ms`, `12.4 s`, `3 min 5 s`, `2 d 4 h`. */
export function shortDuration(durationMs: number): string {
  const whole = Math.max(0, durationMs);
  if (whole < 1000) return `${Math.round(whole)} ms`;
  if (whole < 20_000) return `${(whole / 1000).toFixed(1)} s`;
  const index = units.findIndex(({ ms }) => whole >= ms);
  const unit = units[index];
  if (!unit) return `${Math.round(whole / 1000)} s`;
  const count = Math.floor(whole / unit.ms);
  const next = units[index + 1] ?? { ms: 1000, name: "s" };
  const rest = Math.floor((whole - count * unit.ms) / next.ms);
  return rest > 0 ? `${count} ${unit.name} ${rest} ${next.name}` : `${count} ${unit.name}`;
}
