import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

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
  const executablePath = process.env["CHANNELKIT_CHROMIUM"] ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: launchArguments });
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
