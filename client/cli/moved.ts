/** `handover moved`: what moved to whom, for people page by page, as JSON lines or CSV all of it. */
import type { Command } from '@commander-js/extra-typings';
import Table from 'cli-table3';
import { stringify } from 'csv-stringify/sync';
import { minuteOf } from '../../domain/words.js';
import { movedIn } from '../audit/moved.js';
import type { Passed } from '../audit/owners.js';
import { clean } from '../clean.js';
import { commandLine } from '../printed.js';
import { Problem } from '../problem.js';
import { offboardingNamed } from '../which-run.js';
import { type Context, inSession, newCommand, type Session, wholeNumber } from './command.js';
import { EXIT } from './exit.js';
import { NO_LINES } from './list.js';
import { shorten } from './terminal.js';

export function registerMoved(program: Command, context: Context): void {
  program.addCommand(
    newCommand('moved')
      .argument('<run>', 'workflow id, directory id, offboarding id, e-mail or login')
      .option('--csv', 'all of it as CSV, which spreadsheets open without running anything in it')
      .option('--after <n>', 'go on behind so many items', '0')
      .option('--limit <n>', 'items per page, up to 1000', '25')
      .action((run, options) => inSession(context, options, session => moved(session, run, options))),
  );
}

interface MovedOptions {
  csv?: boolean | undefined;
  after: string;
  limit: string;
}

/** What a page is read in where all of it is written. */
const AT_ONCE = 1_000;

async function moved({ reach, terminal }: Session, given: string, options: MovedOptions): Promise<number> {
  if (options.csv && terminal.wantsJson)
    throw new Problem('usage', 'Either --csv or --json: each is the whole of what is printed.');
  const limit = wholeNumber(options.limit, '--limit', AT_ONCE);
  const store = await reach.store();
  const offboarding = await offboardingNamed(reach, given);
  let after = wholeNumber(options.after, '--after', 1e9, 0);
  if (!options.csv && !terminal.wantsJson) {
    const { items, next, total } = await movedIn(store, offboarding, { after, limit });
    if (items.length === 0) terminal.say(total === 0 ? 'Nothing was moved.' : 'There are no more.');
    else for (const line of tableOf(items, terminal.isTTY)) terminal.say(line);
    if (next !== null) {
      const line = commandLine('moved', given, '--limit', options.limit, '--after', String(next));
      terminal.say(`${next} of ${total}. There are more: ${clean(line)}`);
    }
    return EXIT.done;
  }
  if (options.csv) terminal.io.stdout.write(csvOf([COLUMNS]));
  for (let more = true; more; ) {
    const { items, next } = await movedIn(store, offboarding, { after, limit: AT_ONCE });
    if (options.csv) terminal.io.stdout.write(csvOf(items.map(cellsOf)));
    else for (const item of items) terminal.json(item);
    more = next !== null;
    after = next ?? after;
  }
  return EXIT.done;
}

function tableOf(items: readonly Passed[], bold: boolean): string[] {
  const rows = new Table({
    head: ['WHEN', 'CATEGORY', 'KEY', 'WHAT', 'TO'],
    chars: NO_LINES,
    style: { 'padding-left': 0, 'padding-right': 2, head: bold ? ['bold'] : [], border: [] },
  });
  for (const { at, step, key, fate, why, to } of items) {
    rows.push([
      at ? minuteOf(at) : '',
      step,
      shorten(clean(key), 40),
      shorten(clean(why ? `${WORDS[fate]}: ${why}` : WORDS[fate]), 60),
      shorten(clean(to?.label ?? ''), 40),
    ]);
  }
  return rows
    .toString()
    .split('\n')
    .map(line => line.trimEnd());
}

const WORDS: Record<Passed['fate'], string> = {
  moved: 'moved',
  removed: 'removed',
  revoked: 'revoked',
  cleared: 'cleared',
  'given-back': 'given back',
  planned: 'planned',
  unsettled: 'sent, and nobody has settled yet whether it happened',
  'not-moved': 'left alone',
  acknowledged: 'left to people',
};

const COLUMNS = ['when', 'category', 'key', 'what', 'from', 'from id', 'to', 'to id', 'why'];

function cellsOf({ at, step, key, fate, from, to, why }: Passed): (string | null)[] {
  return [at, step, key, fate, from.name, from.id, to?.label ?? null, to?.personId ?? null, why];
}

/**
 * Titles, keys and reasons come from other systems: a cell that a spreadsheet would take for a formula begins
 * with an apostrophe (OWASP, "CSV Injection"); what a terminal would obey is left out.
 */
const csvOf = (rows: (string | null)[][]): string =>
  stringify(
    rows.map(row => row.map(cell => (cell === null ? null : clean(cell)))),
    { escape_formulas: true, record_delimiter: 'windows' },
  );
