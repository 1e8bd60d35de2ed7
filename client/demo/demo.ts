/** The demo from its start to its end: an installation on this machine, the story, what to try next. */
import { resolve } from 'node:path';
import { readEmbedded } from '../../runtime/embedded/index.js';
import { removeEmbedded } from '../../runtime/embedded/remove.js';
import { startInstallation } from '../local/installation.js';
import { type Life, onScreen } from '../local/lifetime.js';
import { indented, type Screen, shown } from '../local/screen.js';
import { demoApplications } from './applications.js';
import { whatNext } from './next.js';
import { type Cast, castFor, condensedTree, reportTree, type Told, tell } from './story.js';

export interface DemoOptions {
  once?: true;
  fresh?: true;
  stateDir: string;
  user: string;
}

/** Ends the process itself, and everything that it started. */
export function demo(options: DemoOptions): Promise<never> {
  return onScreen((life, screen) => play(options, life, screen));
}

async function play(options: DemoOptions, life: Life, screen: Screen): Promise<number> {
  const c = screen.colours;
  const cast = castFor(options.user);
  const started = Date.now();
  const stateDir = resolve(options.stateDir);
  screen.line(
    `${c.bold('Handover')} finds everything a leaver owns, hands it over, proves that nothing is left, and only then`,
  );
  screen.line('switches the person off. Every step is durable: it survives crashes, and people decide.');
  screen.line();
  if (options.fresh) await forget(stateDir, screen);

  const installation = await startInstallation({
    stateDir,
    config: demoApplications.config,
    applications: demoApplications,
    life,
    screen,
  });
  const told = await tell(installation, cast, screen, life.signal);
  showRun(told, cast, screen);
  screen.line(c.dim(`${((Date.now() - started) / 1000).toFixed(0)} s after the start.`));
  if (!told.done) screen.line(`\n${c.red(unfinished(told, cast))}`);
  screen.line();
  await whatNext({ installation, told, cast, screen, staysUp: !options.once });
  if (options.once) return told.done ? 0 : 1;
  life.atRest();
  await life.ended;
  return 0;
}

function showRun(told: Told, cast: Cast, screen: Screen): void {
  const c = screen.colours;
  screen.line();
  if (told.before) {
    screen.line(
      c.bold(
        `${cast.leaver.name} was handed over and switched off by an earlier start. Here is how it ended:`,
      ),
    );
    screen.line(indented(`certificate ${told.status?.certificate ?? told.report?.certificate ?? 'none'}`));
    screen.line();
  }
  if (told.status) for (const line of condensedTree(told.status, screen)) screen.line(line);
  if (told.report) for (const line of reportTree(told.report, screen)) screen.line(line);
  screen.line();
}

function unfinished({ status, sentence }: Told, cast: Cast): string {
  if (!status) return `${cast.leaver.name} is not being offboarded: ${sentence}`;
  return `The offboarding of ${cast.leaver.name} did not complete: it is ${status.outcome ?? status.state}.`;
}

async function forget(stateDir: string, screen: Screen): Promise<void> {
  const running = await readEmbedded(stateDir);
  if (running) {
    throw new Error(
      `The demo runs in ${stateDir} right now, as process ${running.pid}. End it first (Ctrl-C there, or: kill ${running.pid}).`,
    );
  }
  if (await removeEmbedded(stateDir, screen.note))
    screen.note(`Forgot the earlier demo in ${shown(stateDir)}.`);
}
