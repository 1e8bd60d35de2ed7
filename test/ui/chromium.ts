/**
 * The browser: whatever Chromium this machine has. None is downloaded; without one the UI tests are left out,
 * and say so.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome'];

/** CHROMIUM, or the first of the usual names on PATH. */
export function findChromium(env: NodeJS.ProcessEnv = process.env): string | null {
  const candidates = env.CHROMIUM
    ? [env.CHROMIUM]
    : COMMANDS.flatMap(command => (env.PATH ?? '').split(delimiter).map(dir => join(dir, command)));
  return candidates.find(isExecutable) ?? null;
}

export const NO_CHROMIUM = `the Temporal UI is not driven: no Chromium found (CHROMIUM, or ${COMMANDS.join(', ')} on PATH)`;

/** Asks nobody on the network for anything but the page. */
export function startChromium(executablePath: string): Promise<Browser> {
  const args = [
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ];
  // Chromium refuses its sandbox to root, who runs tests in containers.
  return chromium.launch({
    executablePath,
    args: process.getuid?.() === 0 ? ['--no-sandbox', ...args] : args,
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
