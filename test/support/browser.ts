// A real Chromium for the tests that look at pages, where the machine has one.
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";

const candidates = [
  process.env["CHROMIUM_PATH"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

/** Where the browser is; undefined where there is none. */
export const browserPath: string | undefined = candidates.find(isExecutable);

/** Why tests with a browser are skipped. */
export const noBrowser = "there is no Chromium: install one, or name it in CHROMIUM_PATH";

function isExecutable(path: string | undefined): path is string {
  if (!path) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface Browser {
  /** A page in a session of its own, and the errors that it has met. */
  open(
    options?: Partial<PageLook>,
  ): Promise<{ readonly page: Page; readonly errors: readonly string[] }>;
  /** Keep a picture of a page for people to look at. Returns where it is. */
  picture(page: Page, name: string): Promise<string>;
  close(): Promise<void>;
}

interface PageLook {
  readonly colorScheme: "light" | "dark";
  readonly width: number;
  readonly height: number;
}

/** Pictures go here; `SCREENSHOTS` names another folder. */
const pictures = process.env["SCREENSHOTS"] ?? join(tmpdir(), "avtomatika-screenshots");

export async function startBrowser(executablePath: string): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "avtomatika-browser-"));
  const browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      `--disk-cache-dir=${profile}`,
    ],
  });
  return {
    async open({ colorScheme = "light", width = 1440, height = 1000 } = {}) {
      const context = await browser.newContext({ colorScheme, viewport: { width, height } });
      const page = await context.newPage();
      page.setDefaultTimeout(15_000);
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(error.message));
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(message.text());
      });
      return { page, errors };
    },
    async picture(page, name) {
      const path = join(pictures, `${name}.png`);
      await page.screenshot({ path, animations: "disabled", fullPage: true });
      return path;
    },
    async close() {
      await browser.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
