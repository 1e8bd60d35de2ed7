/**
 * `handover purge`: takes what holds people's data away for good, as the owner of the tables. The digests
 * stay, the chain says what was taken, by whom and why, and `audit` still verifies.
 */
import type { Command } from '@commander-js/extra-typings';
import type { Store } from '../../store/store.js';
import { Problem } from '../problem.js';
import { offboardingOf } from './audit.js';
import { byOption, type Context, inSession, newCommand, type Session } from './command.js';
import { EXIT } from './exit.js';

export function registerPurge(program: Command, context: Context): void {
  program.addCommand(
    newCommand('purge')
      .argument('<run>', 'as for audit; of several offboardings the newest')
      .addOption(byOption().makeOptionMandatory())
      .requiredOption('--reason <text>', 'why: the chain keeps it')
      .option('--entries <numbers>', 'what these entries of the chain say: 1,4,7-9')
      .option('--certificates <numbers>', 'what the certificate (0) and its addenda say')
      .option('--rows', 'rows as they were before they were changed: nothing can be given back afterwards')
      .action((given, options) =>
        inSession(context, options, async session => {
          const { entries, certificates, rows } = options;
          if (entries === undefined && certificates === undefined && !rows)
            throw new Problem('usage', 'Name what is to go: --entries, --certificates, --rows, or several.');
          const said = { by: options.by, why: options.reason };
          const { offboarding } = await offboardingOf(session, given);
          const store = await session.reach.ownersStore();
          const done: Purged = { offboarding };
          if (entries !== undefined) done.entries = numbers(entries, '--entries');
          if (certificates !== undefined) done.certificates = numbers(certificates, '--certificates');
          await purge(store, offboarding, done, said);
          if (rows) done.rows = await store.ledger.purge(offboarding, said);
          tell(session, done);
          return EXIT.done;
        }),
      ),
  );
}

interface Purged {
  offboarding: string;
  entries?: number[];
  certificates?: number[];
  rows?: number;
}

async function purge(
  store: Store,
  offboarding: string,
  { entries, certificates }: Purged,
  said: { by: string; why: string },
): Promise<void> {
  try {
    if (entries) await store.audit.purge(offboarding, entries, said);
    if (certificates) await store.archive.purge(offboarding, certificates, said);
  } catch (error) {
    const { message } = error as Error;
    if (message.startsWith('Nothing was purged')) throw new Problem('refused', message, { cause: error });
    throw error;
  }
}

function tell({ terminal }: Session, done: Purged): void {
  terminal.json({ ...done });
  const { entries, certificates, rows } = done;
  if (entries) terminal.say(`Purged: what entries ${entries.join(', ')} said.`);
  if (certificates) terminal.say(`Purged: what certificates ${certificates.join(', ')} said.`);
  if (rows !== undefined)
    terminal.say(
      rows === 0 ? 'There are no rows to purge.' : `Purged: the rows behind ${rows} receipts, as they were.`,
    );
  terminal.say('The chain says so; "handover audit" verifies as before.');
}

const MOST = 10_000;

/** `1,4,7-9` */
function numbers(given: string, option: string): number[] {
  const all = given.split(',').flatMap(part => {
    const [, from, to = from] = /^\s*(\d{1,9})(?:\s*-\s*(\d{1,9}))?\s*$/.exec(part) ?? [];
    const [first, last] = [Number(from), Number(to)];
    if (from === undefined || last < first || last - first >= MOST)
      throw new Problem('usage', `${option} takes numbers such as 1,4,7-9; given was "${given}".`);
    return Array.from({ length: last - first + 1 }, (_, n) => first + n);
  });
  return [...new Set(all)];
}
