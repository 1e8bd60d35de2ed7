/** `handover sweep`: what still lands on somebody who was switched off, and what is asked about it. */
import { type Command, Option } from '@commander-js/extra-typings';
import type { DecisionOf } from '../../domain/request.js';
import type { SweepDecision } from '../../domain/sweep.js';
import { Problem } from '../problem.js';
import { readSweep } from '../sweeps.js';
import { describe, findRun, type LiveRun, offboardingNamed } from '../which-run.js';
import { addresseeOf, gatewayFor } from './addressee.js';
import { type Context, gatewayOption, inSession, newCommand, type Session } from './command.js';
import { decide } from './decisions.js';
import { EXIT } from './exit.js';
import { showSweep } from './show.js';

interface SweepOptions {
  now?: true | undefined;
  acknowledge?: string | undefined;
  stop?: string | undefined;
  by?: string | undefined;
  gateway?: string | undefined;
}

export function registerSweep(program: Command, context: Context): void {
  program.addCommand(
    newCommand('sweep')
      .argument(
        '<run>',
        'of the offboarding before it: workflow id, directory id, offboarding id, e-mail or login',
      )
      .option('--now', 'the next round begins now')
      .option('--acknowledge <subject>', 'what no rule settles has been seen')
      .option('--stop <reason>', 'end the sweep')
      .addOption(
        new Option('--by <you>', 'who decides: your e-mail, login or id:<directory id>').env('HANDOVER_BY'),
      )
      .addOption(gatewayOption())
      .action((run, options) => inSession(context, options, session => sweep(session, run, options))),
  );
}

/** A decision before it is known who makes it. */
type Unsigned = { [N in SweepDecision['name']]: Omit<DecisionOf<N>, 'by'> }[SweepDecision['name']];

async function sweep(session: Session, given: string, options: SweepOptions): Promise<number> {
  const { reach, terminal } = session;
  const run = await sweepNamed(session, given);
  const decision = decisionOf(options);
  if (decision) {
    const { name, ...more } = decision;
    const to = await addresseeOf(session, run.workflowId, await gatewayFor(session, options.gateway));
    return decide(session, to, name, { ...(options.by && { by: options.by }), ...more }, {});
  }
  const state = await readSweep(reach, run);
  terminal.json({ ...state, temporal: run.status });
  showSweep(terminal, run, state);
  return state.waitingOn === 'nobody' ? EXIT.done : EXIT.waiting;
}

/** Of several offboardings of one person the sweep after the newest. */
async function sweepNamed({ reach }: Session, given: string): Promise<LiveRun> {
  const { ids } = await reach.offboardings();
  if (given.startsWith(ids.sweeps)) return findRun(reach, given);
  const run = await describe(reach, ids.sweep(await offboardingNamed(reach, given)));
  if (run) return run;
  throw new Problem(
    'not-found',
    `There is no sweep after the offboarding of "${given}": one begins where somebody was switched off and the ` +
      'policy of that plan gives it a rhythm (docs/sweep.md).',
  );
}

function decisionOf({ now, acknowledge, stop }: SweepOptions): Unsigned | null {
  const asked = [now, acknowledge, stop].filter(one => one !== undefined);
  if (asked.length > 1) throw new Problem('usage', 'Say one of --now, --acknowledge and --stop at a time.');
  if (now) return { name: 'retry' };
  if (acknowledge !== undefined) return { name: 'acknowledge', category: acknowledge };
  return stop === undefined ? null : { name: 'finish', reason: stop };
}
