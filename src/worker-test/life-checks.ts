// How a worker comes, stays and goes: registration, heartbeats, polls, its own HTTP endpoints, and its end.
import { once } from "node:events";
import { connect } from "node:net";
import { CheckFailed, CheckSkipped, endingText, isAnswered, isTaken, type Check } from "./check.ts";

/** How long a worker is watched that has nothing to do. */
const quietMs = 1_250;

export const registers: Check = {
  name: "registers",
  isVital: true,
  async run(bench) {
    const { orchestrator, options } = bench;
    try {
      await bench.expect(
        options.timeoutMs,
        "registration",
        () => orchestrator.introductions.length > 0,
      );
    } catch (error) {
      const [refusal] = orchestrator.refusals;
      const because = refusal === undefined ? "" : ` It was refused: ${refusal}`;
      throw new CheckFailed(`${(error as Error).message}${because}`);
    }
    const { dialect, types } = bench.introduction;
    return `${dialect === "frames" ? "avtomatika.worker.v1" : "the older dialect"}, ${types.length} task types`;
  },
};

export const introducesItself: Check = {
  name: "says what it is",
  isVital: true,
  async run(bench) {
    const { options } = bench;
    await bench.expect(
      options.timeoutMs,
      "an offer of at least one task",
      () => bench.introduction.types.length > 0,
    );
    const { workerId, credits, types } = bench.introduction;
    if (workerId !== options.workerId)
      throw new CheckFailed(
        `It calls itself "${workerId}", although WORKER_ID is "${options.workerId}".`,
      );
    if (credits < 1) throw new CheckFailed("It takes no task at all: its limit is 0.");
    const missing = (options.tasks ?? []).filter((type) => !types.includes(type));
    if (missing.length > 0)
      throw new CheckFailed(`It does not offer ${missing.join(", ")}, but ${types.join(", ")}.`);
    return `${types.join(", ")}; at most ${credits} at once`;
  },
};

export const sendsHeartbeats: Check = {
  name: "sends heartbeats",
  async run(bench) {
    const { orchestrator, options } = bench;
    const { heartbeats, heartbeatTimeoutMs, heartbeatIntervalMs } = options;
    await bench.expect(
      heartbeatTimeoutMs,
      `heartbeat ${heartbeats}`,
      () => orchestrator.heartbeats.length >= heartbeats,
    );
    const gaps = orchestrator.heartbeats.slice(1).map((at, n) => at - orchestrator.heartbeats[n]!);
    const longest = Math.max(0, ...gaps);
    const gapMs = 3 * heartbeatIntervalMs + 1000;
    if (longest > gapMs)
      throw new CheckFailed(
        `It was silent for ${Math.round(longest)} ms, although it was asked for a heartbeat every ${heartbeatIntervalMs} ms.`,
      );
    return gaps.length === 0
      ? "one"
      : `${gaps.length + 1}, at most ${Math.round(longest)} ms apart`;
  },
};

export const pollsAgain: Check = {
  name: "asks again after an empty answer",
  async run(bench) {
    if (bench.introduction.dialect === "frames") throw new CheckSkipped("it does not poll");
    const polls = () =>
      bench.orchestrator.exchanges.filter(({ path }) => /\/tasks(\/next)?$/.test(path));
    await bench.expect(
      bench.options.timeoutMs,
      "two polls that were answered with 204",
      () => polls().filter(({ status }) => status === 204).length >= 2,
    );
    const [first, second] = polls().map(({ at }) => at);
    return `after ${Math.round(second! - first!)} ms`;
  },
};

/** @param path Such as `/health`; a path with a body is posted: `/v1/inference {"prompt": "hi"}`. */
export function answersAt(path: string, port: number): Check {
  const [address = "", ...rest] = path.split(" ");
  const body = rest.join(" ");
  return {
    name: `answers at ${address}`,
    async run(bench) {
      const url = `http://127.0.0.1:${port}${address}`;
      let seen = "nothing listens there";
      const deadline = performance.now() + bench.options.timeoutMs;
      while (performance.now() < deadline && !bench.worker.ending && !bench.signal.aborted) {
        try {
          const answer = await fetch(url, {
            signal: AbortSignal.any([bench.signal, AbortSignal.timeout(2_000)]),
            ...(body !== "" && {
              method: "POST",
              body,
              headers: { "content-type": "application/json" },
            }),
          });
          await answer.body?.cancel();
          if (answer.ok) return `${answer.status} from port ${port}`;
          seen = `it answers ${answer.status}`;
        } catch (error) {
          seen =
            error instanceof Error && error.name === "TimeoutError"
              ? "it takes longer than 2 s"
              : "nothing listens there";
        }
        await bench.within(250, () => false);
      }
      throw new CheckFailed(`${url}: ${seen}. The port is told to the worker as WORKER_PORT.`);
    },
  };
}

export const comesBack: Check = {
  name: "comes back after a restart of the orchestrator",
  async run(bench) {
    const { orchestrator, options } = bench;
    const before = orchestrator.introductions.length;
    await orchestrator.restart();
    await bench.expect(
      options.timeoutMs,
      "its return",
      () => orchestrator.introductions.length > before && orchestrator.connected,
    );
    // It is back when it works again, not when it says so.
    const dispatched = orchestrator.dispatch(bench.type, options.paramsOf(bench.type));
    await bench.expect(options.timeoutMs, "pickup of a task after it", () => isTaken(dispatched));
    await bench.resultOf(dispatched);
    return "and works";
  },
};

export const behaves: Check = {
  name: "answers each task once, and floods nobody",
  async run(bench) {
    const { orchestrator, worker } = bench;
    const { dispatched } = orchestrator;
    const twice = () => dispatched.find(({ results }) => results.length > 1);
    // A flood shows within a second, and so does an answer that is sent again.
    await bench.within(quietMs, () => orchestrator.flood !== undefined || twice() !== undefined);
    const { flood, refusals } = orchestrator;
    if (flood !== undefined) throw new CheckFailed(`It sent ${flood}.`);
    const first = twice();
    if (first)
      throw new CheckFailed(`"${first.task.type}" was answered ${first.results.length} times.`);
    if (refusals.length > 0)
      throw new CheckFailed(`${refusals.length} times it was refused, first: ${refusals[0]}`);
    if (worker.ending)
      throw new CheckFailed(`It ended ${endingText(worker.ending)}, although nobody told it to.`);
    return `${dispatched.length} tasks`;
  },
};

export const endsWhenTold: Check = {
  name: "ends when it is told to",
  async run(bench) {
    const { orchestrator, worker, options } = bench;
    const running = options.kill
      ? orchestrator.dispatch(bench.type, options.paramsOf(bench.type))
      : undefined;
    if (running) await bench.pickup(running);
    const frames = bench.introduction.dialect === "frames";
    const told = performance.now();
    worker.terminate();
    const limit = new Promise<undefined>((resolve) => {
      setTimeout(() => resolve(undefined), options.shutdownMs).unref();
      bench.signal.addEventListener("abort", () => resolve(undefined));
    });
    const ending = await Promise.race([worker.ended, limit]);
    if (!ending)
      throw new CheckFailed(`It still ran ${options.shutdownMs / 1000} s after SIGTERM.`);
    if (ending.signal !== null && ending.signal !== "SIGTERM")
      throw new CheckFailed(`It ended ${endingText(ending)}.`);
    // Python workers of old say nothing when they are terminated: their leases end by themselves.
    if (running && frames && !isAnswered(running))
      throw new CheckFailed("It ended without finishing its task or giving it back.");
    const after = `${Math.round(performance.now() - told)} ms after SIGTERM, ${endingText(ending)}`;
    return running && isAnswered(running)
      ? `${after}; its task was ${running.results.length > 0 ? "finished" : "given back"}`
      : after;
  },
};

export const leavesNothing: Check = {
  name: "leaves nothing behind",
  async run({ worker, options }) {
    const left = worker.leftovers();
    if (left.length > 0) throw new CheckFailed(`It left processes behind: ${left.join(", ")}.`);
    if (options.workerPort > 0 && (await listens(options.workerPort)))
      throw new CheckFailed(`Something still listens on its port ${options.workerPort}.`);
    return "no process, no port";
  },
};

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
