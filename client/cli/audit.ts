/**
 * `handover audit`: the whole trail of one offboarding as a timeline, and whether anything in it was changed.
 */

import type { Command } from '@commander-js/extra-typings';
import { minuteOf } from '../../domain/words.js';
import type { KnownOffboarding } from '../../store/trail.js';
import { type Evidence, gather } from '../audit/evidence.js';
import { condensed, timeline } from '../audit/timeline.js';
import { type Verdict, verify } from '../audit/verify.js';
import { clean } from '../clean.js';
import { commandLine } from '../printed.js';
import { Problem } from '../problem.js';
import { describe, isOffboardingId, workflowOf } from '../which-run.js';
import { type Context, inSession, newCommand, type Session } from './command.js';
import { EXIT } from './exit.js';
import type { Terminal } from './terminal.js';

export function registerAudit(program: Command, context: Context): void {
  program.addCommand(
    newCommand('audit')
      .argument(
        '<run>',
        'workflow id, directory id, offboarding id, e-mail or login; of several offboardings the newest',
      )
      .option('--verify', 'only say whether anything was changed')
      .action((given, options) =>
        inSession(context, options, async session => {
          const evidence = await evidenceOf(session, given);
          const verdict = verify(evidence);
          if (!options.verify) tell(session.terminal, evidence);
          conclude(session.terminal, verdict);
          return verdict.ok ? EXIT.done : EXIT.changed;
        }),
      ),
  );
}

async function evidenceOf(session: Session, given: string): Promise<Evidence> {
  const known = await offboardingOf(session, given);
  return gather(await session.reach.store(), known, () => session.reach.temporal());
}

/** The offboarding that somebody means; of several the newest. */
export async function offboardingOf({ reach }: Session, given: string): Promise<KnownOffboarding> {
  const store = await reach.store();
  const { trail } = store;
  if (!(await trail.ready()))
    throw new Problem(
      'out-of-reach',
      'The store has no tables of Handover yet: start a worker once ("handover worker"); it creates them.',
    );
  if (isOffboardingId(given)) {
    const one = await trail.known(given);
    if (one) return one;
    throw new Problem(
      'not-found',
      `The store knows no offboarding ${given}. "handover list" shows the runs.`,
    );
  }
  const { workflowId, who } = await workflowOf(reach, given);
  const [newest] = await trail.ofWorkflow(workflowId);
  if (newest) return newest;
  // Nothing was recorded yet, or the record is gone: Temporal may still say which offboarding it is.
  const run = await describe(reach, workflowId);
  if (run?.offboardingId)
    return { offboarding: run.offboardingId, workflow: workflowId, at: new Date().toISOString() };
  throw new Problem('not-found', `There is no offboarding of ${who}. "handover list" shows the runs.`);
}

function tell(terminal: Terminal, evidence: Evidence): void {
  const happenings = timeline(evidence);
  if (terminal.wantsJson) {
    for (const one of happenings) terminal.json({ offboarding: evidence.offboarding, ...one });
    return;
  }
  const { colours } = terminal;
  const leaver = evidence.plans.find(plan => plan.parsed)?.parsed?.leaver;
  terminal.say(
    colours.bold(
      clean(`Offboarding ${evidence.offboarding}${leaver ? ` of ${leaver.name} (id:${leaver.id})` : ''}`),
    ),
  );
  if (evidence.workflow) terminal.say(clean(`Workflow ${evidence.workflow}, times in UTC`));
  if (evidence.missing) terminal.say(colours.yellow(clean(evidence.missing)));
  terminal.say();
  let day = '';
  for (const one of condensed(happenings)) {
    if (one.at.slice(0, 10) !== day) {
      day = one.at.slice(0, 10);
      terminal.say(colours.bold(day));
    }
    terminal.say(`${one.at.slice(11, 23)}  ${one.kind.padEnd(15)} ${clean(one.sentence)}`);
  }
  if (evidence.others.length > 0) {
    terminal.say();
    terminal.say('Other offboardings of this person:');
    for (const other of evidence.others)
      terminal.say(`  ${minuteOf(other.at)}  ${commandLine('audit', other.offboarding)}`);
  }
  terminal.say();
}

const COUNTED: Record<keyof Verdict['checked'], [one: string, many: string]> = {
  entries: ['chained entry', 'chained entries'],
  plans: ['plan', 'plans'],
  catalogs: ['catalog', 'catalogs'],
  overrides: ['set of overrides', 'sets of overrides'],
  pages: ['manifest page', 'manifest pages'],
  receipts: ['receipt', 'receipts'],
  images: ['row as it was', 'rows as they were'],
  keySets: ['set of shown keys', 'sets of shown keys'],
  certificates: ['certificate', 'certificates'],
  histories: ['archived history', 'archived histories'],
};

function conclude(terminal: Terminal, verdict: Verdict): void {
  terminal.json({ kind: 'verification', ...verdict });
  const { colours } = terminal;
  const checked = Object.entries(verdict.checked)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${count} ${COUNTED[what as keyof Verdict['checked']][count === 1 ? 0 : 1]}`)
    .join(', ');
  const { notYetArchived, purged } = verdict;
  if (notYetArchived.length > 0)
    terminal.say(
      `  Not yet archived: run ${notYetArchived.join(', ')}. Its history is Temporal's own; a look within five minutes stores it.`,
    );
  if (purged.length > 0)
    terminal.say(`  The bodies of entries ${purged.join(', ')} are purged, and the chain says so.`);
  const { purgedCertificates } = verdict;
  if (purgedCertificates.length > 0)
    terminal.say(
      `  The bodies of certificates ${purgedCertificates.join(', ')} are purged, and the chain says so.`,
    );
  if (verdict.purgedImages > 0)
    terminal.say(`  ${verdict.purgedImages} rows as they were are purged, and the chain says so.`);
  if (verdict.unasked) terminal.say(clean(`  Not compared with Temporal's own history. ${verdict.unasked}`));
  if (verdict.ok) return terminal.say(`${colours.green('✓')} Verified, nothing was changed: ${checked}.`);
  terminal.say(
    colours.red(
      `✗ ${verdict.breaks.length} ${verdict.breaks.length === 1 ? 'thing does' : 'things do'} not verify (of ${checked}):`,
    ),
  );
  for (const sentence of verdict.breaks) terminal.say(clean(`  ${sentence}`));
}
