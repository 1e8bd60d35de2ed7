/** `handover list`: the runs by what they wait for, from Temporal's visibility. */
import type { Command } from '@commander-js/extra-typings';
import Table from 'cli-table3';
import { GIVE_BACK_STATES } from '../../domain/give-back.js';
import { LIFECYCLE } from '../../domain/lifecycle.js';
import { WAITS_FOR_PEOPLE } from '../../domain/patience.js';
import type { WaitingOn } from '../../domain/run.js';
import { SWEEP_STATES } from '../../domain/sweep.js';
import { clockOf } from '../../domain/words.js';
import { clean } from '../clean.js';
import { Problem } from '../problem.js';
import type { Listed } from '../runs.js';
import { onePerson } from '../which-run.js';
import { type Context, inSession, newCommand, type Session, wholeNumber } from './command.js';
import { EXIT } from './exit.js';
import { shorten } from './terminal.js';

/** Those of runs, and of what comes after them. */
const STATES = [...new Set([...Object.keys(LIFECYCLE), ...SWEEP_STATES, ...GIVE_BACK_STATES])];
const WAITING: readonly WaitingOn[] = ['nobody', 'date', ...WAITS_FOR_PEOPLE];

export function registerList(program: Command, context: Context): void {
  const command = newCommand('list')
    .option('--open', 'only runs that are not closed')
    .option('--state <state>', `one of ${STATES.join(', ')}`)
    .option('--waiting-on <what>', `one of ${WAITING.join(', ')}`)
    .option('--leaver <who>', 'e-mail, login or id:<directory id>')
    .option(
      '--query <condition>',
      'a further condition on search attributes, in Temporal\'s own language: OffboardingMode = "preview"',
    )
    .option('--limit <n>', 'at most so many', '50')
    .action(options => inSession(context, options, session => list(session, options)));
  program.addCommand(command);
}

interface ListOptions {
  open?: true | undefined;
  state?: string | undefined;
  waitingOn?: string | undefined;
  leaver?: string | undefined;
  query?: string | undefined;
  limit: string;
}

async function list({ reach, terminal }: Session, options: ListOptions): Promise<number> {
  const limit = wholeNumber(options.limit, '--limit', 10_000);
  const conditions: string[] = [];
  if (options.open) conditions.push('ExecutionStatus = "Running"');
  if (options.state) conditions.push(`OffboardingState = "${oneOf(options.state, STATES, '--state')}"`);
  if (options.waitingOn) {
    conditions.push(`OffboardingWaitingOn = "${oneOf(options.waitingOn, WAITING, '--waiting-on')}"`);
    // Whoever terminates a run leaves its search attributes as they were.
    conditions.push('ExecutionStatus = "Running"');
  }
  if (options.leaver) {
    const { id } = await onePerson(reach, options.leaver);
    conditions.push(`OffboardingLeaver = "${id.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`);
  }
  if (options.query) conditions.push(`(${options.query})`);
  const offboardings = await reach.offboardings();
  const runs: Listed[] = [];
  for await (const run of offboardings.list(conditions.join(' and '))) {
    if (runs.push(run) > limit) break;
  }
  const more = runs.length > limit;
  for (const run of runs.slice(0, limit)) terminal.json(run);
  if (runs.length === 0) terminal.say('No runs fit.');
  else if (!terminal.wantsJson) {
    for (const line of table(runs.slice(0, limit), terminal.isTTY)) terminal.say(line);
  }
  if (more) terminal.warn(`There are more: ask for them with --limit ${limit * 10}, or narrow the search.`);
  return EXIT.done;
}

const AFTER: Record<Listed['kind'], string> = {
  offboarding: '',
  sweep: 'sweep after',
  'give-back': 'give-back to',
};

/** Columns of equal width without lines: cut and sort them with the usual tools. */
function table(runs: readonly Listed[], bold: boolean): string[] {
  const rows = new Table({
    head: ['RUN', 'STATE', 'WAITS FOR', 'LEFT', 'DUE (UTC)', 'MODE', 'STARTED (UTC)', 'CLOSED (UTC)'],
    chars: NO_LINES,
    colAligns: ['left', 'left', 'left', 'right'],
    style: { 'padding-left': 0, 'padding-right': 2, head: bold ? ['bold'] : [], border: [] },
  });
  for (const run of runs) {
    const isRun = run.kind === 'offboarding';
    rows.push([
      shorten(clean(run.workflowId), 60),
      run.outcome ?? run.state,
      run.waitingOn === 'nobody' ? '' : run.waitingOn,
      isRun ? String(run.closed ? run.remaining + run.accepted : run.remaining) : '',
      minute(run.due),
      !isRun && run.leaver ? clean(`${AFTER[run.kind]} id:${run.leaver}`) : run.mode,
      minute(run.started),
      minute(run.closed),
    ]);
  }
  return rows
    .toString()
    .split('\n')
    .map(line => line.trimEnd());
}

export const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};

function minute(iso: string | null): string {
  return iso ? clockOf(iso) : '';
}

function oneOf<T extends string>(given: string, allowed: readonly T[], option: string): T {
  if (!(allowed as readonly string[]).includes(given))
    throw new Problem('usage', `${option} is one of ${allowed.join(', ')}; given was "${given}".`);
  return given as T;
}
