// The console in a real browser, before a real server with a real worker.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { blueprint, task } from "avtomatika";
import { createWorker, type Worker } from "avtomatika/worker";
import { pino } from "pino";
import type { Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { assign, setup } from "xstate";
import { z } from "zod";
import { loadBlueprints } from "../../src/blueprint/load.ts";
import { browserPath, noBrowser, startBrowser, type Browser } from "../support/browser.ts";
import { startCuttableProxy } from "../support/cuttable-proxy.ts";
import { eventually } from "../support/eventually.ts";
import {
  clientToken,
  startLiveServer,
  workerToken,
  type LiveServer,
} from "../support/live-server.ts";

const hostile = `<img src=x onerror="hacked=1">`;

const paint = task("e2e_paint", {
  input: z.object({ picture: z.string() }),
  output: z.object({ colours: z.int() }),
});

/** A person lets it begin, a worker paints while the frame is made, a person hangs it. */
const gallery = blueprint("e2e_gallery", {
  version: "1",
  machine: setup({
    types: { context: {} as { readonly picture: string; readonly colours: number } },
    actors: { paint },
    actions: {
      keepColours: assign({ colours: (_, { colours }: { colours: number }) => colours }),
    },
  }).createMachine({
    id: "e2e_gallery",
    context: { picture: hostile, colours: 0 },
    initial: "asked",
    states: {
      asked: { on: { BEGIN: "making" } },
      making: {
        type: "parallel",
        onDone: hostile,
        states: {
          painting: {
            initial: "working",
            states: {
              working: {
                invoke: {
                  id: "paint",
                  src: "paint",
                  input: ({ context }) => ({ picture: context.picture }),
                  onDone: {
                    target: "dry",
                    actions: {
                      type: "keepColours",
                      params: ({ event }) => ({ colours: event.output.colours }),
                    },
                  },
                  onError: "#e2e_gallery.spoiled",
                },
              },
              dry: { type: "final" },
            },
          },
          frame: {
            initial: "cutting",
            states: { cutting: { on: { CUT: "ready" } }, ready: { type: "final" } },
          },
        },
      },
      [hostile]: { on: { HANG: "hung" } },
      hung: { type: "final" },
      spoiled: { type: "final" },
    },
  }),
});

/** Waits for a timer whose name has no place for a line break. */
const deadline = blueprint("e2e_deadline", {
  version: "1",
  machine: setup({
    delays: { deadlineOfTheCommittee: 3 * 24 * 60 * 60 * 1000 },
  }).createMachine({
    id: "e2e_deadline",
    context: {},
    initial: "consideredByTheCommittee",
    states: {
      consideredByTheCommittee: { after: { deadlineOfTheCommittee: "over" } },
      over: { type: "final" },
    },
  }),
});

/** What the painter does next is the test's to say. */
class Painter {
  #report: ((ratio: number, message: string) => void) | undefined;
  #finish: ((output: { colours: number }) => void) | undefined;

  handler = (context: {
    readonly progress: (ratio: number, message: string) => void;
  }): Promise<{ colours: number }> => {
    this.#report = context.progress;
    return new Promise((resolve) => (this.#finish = resolve));
  };

  async report(ratio: number, message: string): Promise<void> {
    (await eventually(() => this.#report))(ratio, message);
  }

  async finish(colours: number): Promise<void> {
    (await eventually(() => this.#finish))({ colours });
    this.#report = this.#finish = undefined;
  }
}

describe.skipIf(!browserPath)(`the console${browserPath ? "" : ` (skipped: ${noBrowser})`}`, () => {
  const painter = new Painter();
  let live: LiveServer;
  let worker: Worker;
  let browser: Browser;
  let built: string;

  beforeAll(async () => {
    built = await mkdtemp(join(tmpdir(), "avtomatika-console-"));
    await build({
      configFile: join(import.meta.dirname, "../../vite.config.ts"),
      logLevel: "silent",
      build: { outDir: built },
    });
    const shipped = await loadBlueprints(join(import.meta.dirname, "../../machines"));
    live = await startLiveServer({
      consoleDirectory: built,
      blueprints: [gallery, deadline, ...shipped.map((one) => one.blueprint)],
    });
    const log = pino({ level: "silent" });
    worker = createWorker({
      url: live.url,
      token: workerToken,
      id: "painter",
      maxConcurrentTasks: 4,
      log,
    });
    worker.task(paint, painter.handler);
    await worker.start();
    browser = await startBrowser(browserPath!);
  });

  afterAll(async () => {
    await browser?.close();
    await worker?.stop({ graceMs: 0 });
    await live?.close();
    await rm(built, { recursive: true, force: true });
  });

  async function startJob(name: string, data: unknown = {}): Promise<string> {
    const { body, status } = await live.call("POST", "/jobs", { blueprint: name, data });
    expect(status).toBe(202);
    return (body as { job_id: string }).job_id;
  }

  async function openPage(
    path: string,
    colorScheme: "light" | "dark" = "light",
    url: string = live.url,
  ) {
    const opened = await browser.open({ colorScheme });
    onTestFinished(() => opened.page.context().close());
    await opened.page.goto(`${url}/console/${path}#token=${clientToken}`);
    return opened;
  }

  const state = (page: Page, id: string) =>
    page.locator(`.chart [data-state=${JSON.stringify(`e2e_gallery.${id}`)}]`);
  const isLit = (page: Page, id: string) =>
    eventually(async () => {
      const classes = (await state(page, id).getAttribute("class")) ?? "";
      return classes.split(" ").includes("active");
    });

  test("shows a job live from its first state to its last, without loading the page again", async () => {
    const id = await startJob("e2e_gallery");
    const { page, errors } = await openPage(`jobs/${id}`);
    await page.evaluate(() => void ((globalThis as { loaded?: string }).loaded = "once"));

    await isLit(page, "asked");
    await page.getByRole("button", { name: "BEGIN" }).click();
    await page.getByRole("button", { name: "Send BEGIN" }).click();
    await isLit(page, "making.painting.working");
    await isLit(page, "making.frame.cutting");
    const arrow = page.locator(`.chart .route[data-target="e2e_gallery.making"]`);
    await eventually(async () => (await arrow.getAttribute("class"))?.includes("last"));

    const bar = page.getByRole("progressbar", { name: "Progress of e2e_paint" });
    const value = () => bar.evaluate((element) => (element as { value?: number }).value);
    await painter.report(0.25, "the sky");
    await eventually(async () => (await value()) === 0.25);
    await painter.report(0.75, "the sea");
    await eventually(async () => (await value()) === 0.75);
    await page.getByText("the sea").waitFor();
    await browser.picture(page, "console-job-running");

    await live.call("POST", `/api/jobs/${id}/events`, { type: "CUT" });
    await isLit(page, "making.frame.ready");
    await painter.finish(7);
    await page.getByRole("button", { name: "HANG" }).click();
    await page.getByRole("button", { name: "Send HANG" }).click();
    await isLit(page, "hung");
    await page.locator(".job-head .badge", { hasText: "finished" }).waitFor();
    await page.locator(".connection", { hasText: "complete" }).waitFor();
    await browser.picture(page, "console-job-finished");

    expect(await page.evaluate(() => (globalThis as { loaded?: string }).loaded)).toBe("once");
    expect(errors).toEqual([]);
  });

  test("takes the token out of the address and keeps it for the tab", async () => {
    const { page } = await openPage("");
    await page.getByRole("heading", { name: "Jobs" }).waitFor();
    expect(page.url()).not.toContain("token");
    await page.reload();
    await page.getByRole("heading", { name: "Jobs" }).waitFor();
  });

  test("takes the token of an address that is opened in the same tab, and out of it", async () => {
    const { page } = await browser.open();
    onTestFinished(() => page.context().close());
    await page.goto(`${live.url}/console/#token=of-an-earlier-server`);
    await page.getByRole("alert").waitFor();
    await page.goto(`${live.url}/console/#token=${clientToken}`);
    await page.getByRole("heading", { name: "Jobs" }).waitFor();
    expect(page.url()).not.toContain("token");
  });

  test("says of an address that holds no id that there is no such job", async () => {
    const { page, errors } = await openPage("jobs/%zz");
    await page.getByText("Job not found").waitFor();
    expect(errors.filter((error) => !error.includes("404"))).toEqual([]);
  });

  test("asks for the token, and says when the server does not take it", async () => {
    const { page } = await browser.open();
    onTestFinished(() => page.context().close());
    await page.goto(`${live.url}/console/`);
    await page.getByLabel("Client token").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    await page.getByLabel("Client token").fill(clientToken);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Jobs" }).waitFor();
  });

  test("lists jobs, filters them, and leads to each", async () => {
    const waiting = await startJob("e2e_gallery");
    const cancelled = await startJob("e2e_gallery");
    await live.call("POST", `/api/jobs/${cancelled}/cancel`, {});
    const { page, errors } = await openPage("", "dark");
    await page.getByRole("link", { name: waiting }).waitFor();
    await page.getByRole("link", { name: cancelled }).waitFor();
    await browser.picture(page, "console-jobs-dark");

    await page.getByLabel("Status").selectOption("cancelled");
    await page.getByRole("link", { name: waiting }).waitFor({ state: "detached" });
    await page.getByRole("link", { name: cancelled }).click();
    await page.locator(".job-head .badge", { hasText: "cancelled" }).waitFor();
    await page.goBack();
    await page.getByRole("heading", { name: "Jobs" }).waitFor();
    expect(errors).toEqual([]);
  });

  test("lists the workers that are connected, with what they run", async () => {
    const id = await startJob("e2e_gallery");
    await live.call("POST", `/api/jobs/${id}/events`, { type: "BEGIN" });
    const { page, errors } = await openPage("");
    await page.getByRole("link", { name: "Workers" }).click();
    const row = page.getByRole("row", { name: "painter" });
    await row.getByText("1 / 4").waitFor();
    await row.getByText("e2e_paint").waitFor();
    await row.getByText("takes tasks").waitFor();
    await browser.picture(page, "console-workers");

    await painter.finish(1);
    await row.getByText("0 / 4").waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Workers" }).waitFor();
    expect(errors).toEqual([]);
  });

  test("shows names and data from a job as text, whatever they hold", async () => {
    const id = await startJob("e2e_gallery");
    const { page } = await openPage(`jobs/${id}`, "dark");
    await isLit(page, "asked");
    const drawn = page.locator(".chart .title", { hasText: hostile.slice(0, 20) });
    await drawn.waitFor();
    await page.locator("pre", { hasText: "<img src=x" }).first().waitFor();
    await browser.picture(page, "console-job-dark");
    expect(await page.locator("img[src=x]").count()).toBe(0);
    expect(await page.evaluate(() => "hacked" in globalThis)).toBe(false);
  });

  test("says what a timer is for in words, and stays within the window", async () => {
    const { page } = await openPage(`jobs/${await startJob("e2e_deadline")}`);
    const timer = page.getByLabel("Now").getByRole("listitem");
    await timer.getByText("in 2 d 23 h").waitFor();
    expect(await timer.textContent()).toContain(
      "after deadlineOfTheCommittee in e2e_deadline.consideredByTheCommittee",
    );
    await browser.picture(page, "console-job-timer");
    const beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    expect(await page.evaluate(beyond)).toBe(0);
  });

  test("comes back to a job after the connection was lost, and tells what was missed", async () => {
    const id = await startJob("e2e_gallery");
    const proxy = await startCuttableProxy(live.url);
    onTestFinished(() => proxy.close());
    const { page } = await openPage(`jobs/${id}`, "light", proxy.url);
    await page.locator(".connection.live").waitFor();
    proxy.cut();
    await page.locator(".connection:not(.live)").waitFor();
    await live.call("POST", `/api/jobs/${id}/events`, { type: "BEGIN" });
    proxy.mend();
    await isLit(page, "making.frame.cutting");
    await painter.finish(1);
  });

  test("cancels a job only when asked twice", async () => {
    const id = await startJob("e2e_gallery");
    const { page } = await openPage(`jobs/${id}`);
    await page.getByRole("button", { name: "Cancel job" }).click();
    await page.getByRole("button", { name: "Keep it" }).click();
    await page.getByRole("button", { name: "Cancel job" }).click();
    await page.getByRole("button", { name: "Yes, cancel it" }).click();
    await page.locator(".job-head .badge", { hasText: "cancelled" }).waitFor();
  });

  test("draws every blueprint of the server with each state's name inside its box", async () => {
    const { body } = await live.call("GET", "/api/blueprints");
    const { page } = await browser.open();
    onTestFinished(() => page.context().close());
    for (const { name } of body as { name: string }[]) {
      const chart = await live.call("GET", `/api/blueprints/${name}/chart?format=svg`);
      await page.setContent(chart.body as string);
      await browser.picture(page, `chart-${name}`);
      const spilling = await page.evaluate(spillingTexts);
      expect(spilling, name).toEqual([]);
    }
  });
});

/** Runs in the page: the texts that are wider than the box or pill that they are in. */
function spillingTexts(): string[] {
  const document = (globalThis as unknown as { document: PageDocument }).document;
  return [...document.querySelectorAll(".leaf:not(.history), .label")].flatMap((group) => {
    const frame = group.querySelector("rect")?.getBoundingClientRect();
    return [...group.querySelectorAll("text")].flatMap((text) => {
      const { left, right } = text.getBoundingClientRect();
      const fits = frame && left >= frame.left && right <= frame.right;
      return fits ? [] : [text.textContent ?? ""];
    });
  });
}

/** As much of the browser's document as the function above needs. */
interface PageElement {
  readonly textContent: string | null;
  getBoundingClientRect(): { readonly left: number; readonly right: number };
  querySelector(selector: string): PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
}
type PageDocument = Pick<PageElement, "querySelector" | "querySelectorAll">;
