import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { findFreePort } from "./free-port.ts";

const executablePath = process.env["CHANNELKIT_CHROMIUM"] ?? "/usr/bin/chromium";

/** What keeps Chromium to the page under test: it reaches for nothing else, and needs neither a GPU nor a sandbox. */
const launchArguments = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A page, and what its console and its scripts had to complain about. */
export type WatchedPage = { page: Page; problems: string[] };

/** A real Chromium without a window: the one that `CHANNELKIT_CHROMIUM` names, or Debian's. The caller closes it. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath, args: launchArguments });
}

/** What makes pages under test steady, and is not so for users: without these, pages are frozen, kept, and slowed down. */
const steadyingArguments = [
  "--disable-back-forward-cache",
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];

/** A browser as users have it: one profile, whose tabs are hidden behind each other. */
export type OrdinaryBrowser = { readonly profile: BrowserContext; close(): Promise<void> };

/** As {@link launchBrowser}, without what is done for tests elsewhere. */
export async function launchOrdinaryBrowser(): Promise<OrdinaryBrowser> {
  const port = await findFreePort();
  const args = [...launchArguments, `--remote-debugging-port=${port}`];
  const program = await chromium.launch({ executablePath, args, ignoreDefaultArgs: steadyingArguments });
  const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`, { noDefaults: true });
  const [profile] = browser.contexts();
  if (profile === undefined) throw new Error("the browser has no profile");
  return {
    profile,
    async close() {
      await browser.close();
      await program.close();
    },
  };
}

/** Opens a page in a profile of its own. Each of its waits has a limit, `timeoutMs`. */
export async function openPage(
  browser: Browser,
  url: string,
  { timeoutMs = 10_000, ...options }: BrowserContextOptions & { timeoutMs?: number } = {},
): Promise<WatchedPage> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(timeoutMs);
  const problems: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => void problems.push(`uncaught: ${error.message}`));
  await page.goto(url);
  return { page, problems };
}
