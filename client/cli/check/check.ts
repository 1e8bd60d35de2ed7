/**
 * `handover check`: reads the configuration, tries everything that it names, and says what is wrong and how
 * to mend it. Changes nothing. Everything is tried even where something else is broken, so that one run of it
 * is enough.
 */
import type { Command } from '@commander-js/extra-typings';
import { clean } from '../../clean.js';
import type { Installation } from '../../installation.js';
import { problemOf } from '../../problem.js';
import type { Connector } from '../../systems.js';
import { type Context, inSession, newCommand, type Session } from '../command.js';
import { EXIT } from '../exit.js';
import type { Terminal } from '../terminal.js';
import { checkArchive } from './archive.js';
import type { Finding } from './finding.js';
import { checkRoles, checkRules } from './people.js';
import { checkStore } from './store.js';
import { checkSystem } from './system.js';
import { checkTemporal } from './temporal.js';

export function registerCheck(program: Command, context: Context): void {
  program.addCommand(
    newCommand('check').action(options =>
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
    attempt('store', () => checkStore(session.reach)),
    Promise.all(
      Object.keys(installation.config.systems).map(system =>
        attempt(system, () => checkSystem(session.reach, system, connectors)),
      ),
    ),
    attempt('temporal', () => checkTemporal(session.reach)),
  ]);
  // Where one of the two does not answer, that has been said.
  const reached = [...store, temporal[0]].every(finding => finding?.state !== 'problem');
  const archive = reached ? await attempt('archive', () => checkArchive(session.reach)) : [];
  const { config } = installation;
  const roles = await attempt('roles', () => checkRoles(config, connectors));
  const rules = await attempt('successors', () => checkRules(config, connectors));
  return [...store, ...systems.flat(), ...roles, ...rules, ...temporal, ...archive];
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
    problems === 0
      ? 'Nothing stands in the way.'
      : `${problems} ${problems === 1 ? 'thing needs' : 'things need'} mending.`,
  );
}
