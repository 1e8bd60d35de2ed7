/**
 * `handover discover`: looks through a live database for everything that can hold a person. Without a catalog
 * it drafts one; with one it says what that leaves out. Only reads, and only a little of each table.
 */
import type { Command } from '@commander-js/extra-typings';
import { own } from '../../domain/own.js';
import { connectionUrl } from '../../runtime/config.js';
import { clean } from '../clean.js';
import { commandLine } from '../printed.js';
import { Problem } from '../problem.js';
import type { Draft, HowToDiscover } from '../systems.js';
import { type Context, inSession, newCommand, type Session, wholeNumber } from './command.js';
import { EXIT } from './exit.js';
import type { Terminal } from './terminal.js';

export function registerDiscover(program: Command, context: Context): void {
  program.addCommand(
    newCommand('discover')
      .argument(
        '<system>',
        'a system of the configuration, an environment variable that holds a connection (CRM_URL), or a postgres:// URL',
      )
      .option('--people <table>', 'the table of people (schema.table), where no catalog says it')
      .option('--leaver <who>', 'count the rows of this person: an id, an e-mail, a login or a name')
      .option('--thorough', 'read whole tables instead of a little of each')
      .option('--within <seconds>', 'end the look after so long; what is left is said')
      .action((given, options) =>
        inSession(context, options, async session => {
          const within = options.within && wholeNumber(options.within, '--within', 86_400) * 1_000;
          const { people, leaver, thorough } = options;
          return discover(session, context, given, { people, leaver, thorough, within: within || undefined });
        }),
      ),
  );
}

async function discover(
  { reach, terminal }: Session,
  { io }: Context,
  given: string,
  how: HowToDiscover,
): Promise<number> {
  const { discoverAt, discoverConfigured } = await import('../systems.js');
  if (/^postgres(ql)?:\/\//i.test(given))
    return tell(terminal, await discoverAt(given, 'new_system', how), null);
  if (/^[A-Z][A-Z0-9_]*$/.test(given)) {
    const url = named(() => connectionUrl(given, 'the system to look through', io.env));
    const system = given.toLowerCase().replace(/_?(database_)?url$/, '') || 'new_system';
    return tell(terminal, await discoverAt(url, system, how), null);
  }
  const { config, env } = await reach.installation();
  if (!own(config.systems, given))
    throw new Problem(
      'usage',
      `There is no system "${given}" in ${config.file}; it has ${Object.keys(config.systems).join(', ')}. A connection that it does not know is given as an environment variable (CRM_URL) or as a postgres:// URL.`,
    );
  const { catalog, ...draft } = await discoverConfigured(config, given, env, how);
  return tell(terminal, draft, catalog);
}

function named<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Problem('usage', (error as Error).message, { cause: error });
  }
}

/** The draft on stdout, so that it can be redirected into a file; what is to be said about it on stderr. */
function tell(terminal: Terminal, draft: Draft, catalog: string | null): number {
  const left = draft.places.filter(place => !place.classified).length;
  const ok = catalog === null || left === 0;
  terminal.json({ ok, catalog, ...draft });
  if (draft.text) terminal.say(printable(draft.text).trimEnd());
  const { length } = draft.places;
  const open = draft.undecided.length > 0 ? `, and ${draft.undecided.length} could not be decided` : '';
  const looked = `${draft.tables} tables, ${draft.rowsRead} rows read in ${(draft.milliseconds / 1_000).toFixed(1)} s`;
  terminal.warn(
    clean(
      catalog === null
        ? `${length} columns can hold a person (people are ${draft.people})${open}: ${looked}. Save this as a catalog, read every line of it, and try it with ${commandLine('check')}.`
        : `${length - left} of ${length} columns that can hold a person stand in ${catalog}${open}: ${looked}.`,
    ),
  );
  return ok ? EXIT.done : EXIT.changed;
}

/** Names and values come from a database: nothing in them may move the cursor. */
const printable = (text: string): string => text.split('\n').map(clean).join('\n');
