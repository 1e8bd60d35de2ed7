/**
 * `handover check`: reads the configuration, tries everything that it names, and says what is wrong and how to mend it. Changes
 * nothing. Everything is tried even where something else is broken, so that one run of it is enough.
 */
import { readdir } from 'node:fs/promises';
import type { Command } from '@commander-js/extra-typings';
import { checkRoles, checkRules } from './check-people.js';
import { checkTemporal } from './check-temporal.js';
import { inSession, newCommand, type Session } from './command.js';
import { EXIT, problemOf } from './exit.js';
import type { Installation } from './installation.js';
import type { Context } from './main.js';
import type { Connector } from './reach.js';
import { clean, type Terminal } from './terminal.js';

export interface Finding {
  what: string;
  state: 'fine' | 'warning' | 'problem';
  says: string;
  /** What to do about it. */
  mend?: string;
}

export function registerCheck(program: Command, context: Context): void {
  program.addCommand(
    newCommand('check', 'try everything that the configuration names, and say how to mend what is wrong').action(options =>
      inSession(context, options, async session => {
        const installation = await session.reach.installation();
        const findings = await checkAll(session, installation);
        const ok = findings.every(finding => finding.state !== 'problem');
        session.terminal.json({ ok, config: installation.config.file, findings });
        show(session.terminal, installation, findings);
        return ok ? EXIT.done : EXIT.changed;
      }),
    ),
  );
}

async function checkAll(session: Session, installation: Installation): Promise<Finding[]> {
  const connectors = new Map<string, Connector>();
  const [store, systems, temporal] = await Promise.all([
    attempt('store', () => checkStore(session, installation)),
    Promise.all(
      Object.keys(installation.config.systems).map(system => attempt(system, () => checkSystem(session, system, connectors))),
    ),
    attempt('temporal', () => checkTemporal(session.reach)),
  ]);
  const { config } = installation;
  const roles = await attempt('roles', () => checkRoles(session.reach, config, connectors));
  const rules = await attempt('successors', () => checkRules(session.reach, config, connectors));
  return [...store, ...systems.flat(), ...roles, ...rules, ...temporal];
}

/** What cannot be tried is a problem like any other. */
async function attempt(what: string, check: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await check();
  } catch (error) {
    const { message, cause } = problemOf(error);
    const says = message || (cause instanceof Error ? cause.message : 'no answer');
    return [{ what, state: 'problem', says }];
  }
}

async function checkStore({ reach }: Session, { config }: Installation): Promise<Finding[]> {
  const what = 'store';
  const { pool } = await reach.store();
  const where = `the database that ${config.store.connection} names`;
  try {
    const { rows } = await pool.query<{ version: string; migrations: string | null; create: boolean }>(
      `select current_setting('server_version') as version, to_regclass('handover.migrations')::text as migrations,
              has_database_privilege(current_database(), 'create') as create`,
    );
    const { version, migrations, create } = rows[0]!;
    const answers: Finding = { what, state: 'fine', says: `PostgreSQL ${version} answers at ${where}` };
    if (Number.parseInt(version, 10) < 13)
      return [
        { what, state: 'problem', says: `PostgreSQL ${version} is too old for the store.`, mend: 'Use version 13 or newer.' },
      ];
    if (!migrations) {
      return create
        ? [
            answers,
            {
              what,
              state: 'warning',
              says: 'It has no tables of Handover yet.',
              mend: 'The first worker makes them: handover worker.',
            },
          ]
        : [
            {
              what,
              state: 'problem',
              says: `The role may not create the schema "handover" in ${where}.`,
              mend: 'grant create on database … to the role.',
            },
          ];
    }
    return [answers, await migrationsOf(pool)];
  } catch (error) {
    return [
      {
        what,
        state: 'problem',
        says: `${where} does not answer: ${(error as Error).message || (error as { code?: string }).code}`,
        mend: `Look at the address, the password and whether it runs; the connection is the value of ${config.store.connection}.`,
      },
    ];
  }
}

async function migrationsOf(pool: { query(text: string): Promise<{ rows: { name: string }[] }> }): Promise<Finding> {
  const { rows } = await pool.query('select name from handover.migrations order by id');
  const here = (await readdir(new URL('../../store/sql', import.meta.url))).map(file => file.replace(/\.sql$/, '')).sort();
  const done = rows.map(row => row.name);
  const missing = here.filter(name => !done.includes(name));
  const newer = done.filter(name => !here.includes(name));
  if (newer.length > 0)
    return {
      what: 'store',
      state: 'problem',
      says: `The store is newer than this program: it has ${newer.join(', ')}.`,
      mend: 'Use the version of Handover that the workers run.',
    };
  if (missing.length > 0)
    return {
      what: 'store',
      state: 'warning',
      says: `The store lacks ${missing.join(', ')}.`,
      mend: 'The next start of a worker brings it up to date.',
    };
  return { what: 'store', state: 'fine', says: 'its tables are up to date' };
}

async function checkSystem({ reach }: Session, system: string, connectors: Map<string, Connector>): Promise<Finding[]> {
  const connector = await reach.system(system);
  const problems = (await connector.check?.()) ?? [];
  connectors.set(system, connector);
  if (problems.length > 0) {
    return problems.map(problem => ({
      what: system,
      state: 'problem',
      says: `${problem.where}: ${problem.message}`,
      mend: 'Mend the catalog, or the rights of the role it connects as; running workers take a corrected catalog up by themselves.',
    }));
  }
  const { block, deactivate } = connector.access;
  const lacks = [block === 'system' ? '' : 'block sign-in', deactivate === 'system' ? '' : 'switch accounts off'].filter(Boolean);
  return [
    { what: system, state: 'fine', says: `${connector.title}: the catalog fits, ${connector.categories.length} categories` },
    ...lacks.map(
      (verb): Finding => ({
        what: system,
        state: 'warning',
        says: `Its catalog says no way to ${verb}.`,
        mend: 'People must do that by hand, or the catalog learns how.',
      }),
    ),
  ];
}

const MARKS: Record<Finding['state'], { mark: string; colour: 'green' | 'yellow' | 'red' }> = {
  fine: { mark: '✓', colour: 'green' },
  warning: { mark: '!', colour: 'yellow' },
  problem: { mark: '✗', colour: 'red' },
};

function show(terminal: Terminal, { config, found }: Installation, findings: readonly Finding[]): void {
  terminal.say(`Configuration ${clean(config.file)} (from ${found})`);
  const width = Math.max(...findings.map(finding => finding.what.length));
  for (const { what, state, says, mend } of findings) {
    const { mark, colour } = MARKS[state];
    terminal.say(`${terminal.colours[colour](mark)} ${what.padEnd(width)}  ${clean(says)}`);
    if (mend) terminal.say(`  ${' '.repeat(width)}  ${terminal.colours.dim(clean(mend))}`);
  }
  const problems = findings.filter(finding => finding.state === 'problem').length;
  terminal.say(
    problems === 0 ? 'Nothing stands in the way.' : `${problems} ${problems === 1 ? 'thing needs' : 'things need'} mending.`,
  );
}
