/**
 * Everything up on this machine until somebody ends it: your own configuration, or the applications to try it
 * with.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Applications, type Installation, startInstallation } from './installation.js';
import { type Life, onScreen } from './lifetime.js';
import { runLink, startLink } from './links.js';
import { indented, type Screen, shown } from './screen.js';

export interface DevOptions {
  config?: string | undefined;
  stateDir: string;
  /** What there is to work with where nobody has a configuration. */
  applications: Applications;
}

/** Ends the process itself, and everything that it started. */
export function dev(options: DevOptions): Promise<never> {
  return onScreen((life, screen) => stayUp(options, life, screen));
}

async function stayUp(options: DevOptions, life: Life, screen: Screen): Promise<number> {
  const config =
    options.config ??
    process.env.HANDOVER_CONFIG ??
    (existsSync('handover.yaml') ? 'handover.yaml' : options.applications.config);
  screen.line(`${screen.colours.bold('Handover')} for ${shown(resolve(config))}`);
  screen.line();
  const installation = await startInstallation({ ...options, config, life, screen });
  where(installation, screen);
  life.atRest();
  await life.ended;
  return 0;
}

function where({ config, temporal, stateDir, pages, gateway }: Installation, screen: Screen): void {
  const c = screen.colours;
  const row = (what: string, how: string): void => screen.line(indented(`${what.padEnd(20)} ${how}`));
  screen.line();
  row('Systems', `${Object.keys(config.systems).join(', ')}; ${config.directory} is the directory`);
  for (const { title, url } of pages) row(title, c.cyan(url));
  row('Temporal UI', c.cyan(runLink(temporal)));
  row('Start an offboarding', c.cyan(startLink(temporal)));
  row('  paste as input', '{"user":"<leaver>","requestedBy":"<you>"}');
  row('Or by command', 'npm run handover -- start <leaver> --by <you>');
  row('Gateway', c.cyan(`${gateway.url}/openapi.json`));
  if (gateway.token) row('  with this token', gateway.token);
  row('Is all well?', 'npm run handover -- check');
  screen.line();
  screen.line(c.dim(`Stays up until Ctrl-C; what happens is kept in ${shown(stateDir)}.`));
}
