/** `handover sweep`: what still lands on somebody who was switched off, and what is asked about it. */
import { type Command, Option } from '@commander-js/extra-typings';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Sweep } from '../../domain/sweep.js';
import { minuteOf } from '../../domain/words.js';
import { clean } from '../clean.js';
import { Problem } from '../problem.js';
import { offboardingNamed } from '../which-run.js';
import { type Context, inSession, newCommand, type Session } from './command.js';
import { EXIT } from './exit.js';

interface SweepOptions {
  now?: true | undefined;
  acknowledge?: string | undefined;
  stop?: string | undefined;
  by?: string | undefined;
}

export function registerSweep(program: Command, context: Context): void {
  program.addCommand(
    newCommand(
      'sweep',
      'what has landed on somebody since they were switched off, and what is asked about it',
    )
      .argument('<run>', 'workflow id, directory id, offboarding id, e-mail or login')
      .option('--now', 'the next round begins now')
      .option('--acknowledge <subject>', 'what no rule settles has been seen')
      .option('--stop <reason>', 'end the sweep')
      .addOption(
        new Option('--by <you>', 'who decides: your e-mail, login or id:<directory id>').env('HANDOVER_BY'),
      )
      .action((run, options) => inSession(context, options, session => sweep(session, run, options))),
  );
}

async function sweep(session: Session, given: string, options: SweepOptions): Promise<number> {
  const { reach, terminal } = session;
  const offboardings = await reach.offboardings();
  const id = offboardings.ids.sweep(await offboardingNamed(reach, given));
  const decision = decisionOf(options);
  if (decision) {
    const by = options.by;
    if (!by) throw new Problem('usage', 'Say who decides with --by, or HANDOVER_BY.');
    const { name, ...more } = decision;
    const answer = await reach
      .ask(() => offboardings.decide(id, name, { by, ...more }))
      .catch(notFound(given));
    terminal.json({ ...answer });
    terminal.say(clean(answer.sentence));
    return answer.verdict === 'accepted' ? EXIT.done : EXIT.refused;
  }
  const state = await reach.ask(() => offboardings.handle(id).query<Sweep>('status')).catch(notFound(given));
  terminal.json({ ...state });
  show(session, state);
  return state.open.length > 0 && !state.outcome ? EXIT.waiting : EXIT.done;
}

function decisionOf({
  now,
  acknowledge,
  stop,
}: SweepOptions): { name: string; [key: string]: unknown } | null {
  const asked = [now, acknowledge, stop].filter(one => one !== undefined);
  if (asked.length > 1) throw new Problem('usage', 'Say one of --now, --acknowledge and --stop at a time.');
  if (now) return { name: 'retry' };
  if (acknowledge !== undefined) return { name: 'acknowledge', category: acknowledge };
  return stop === undefined ? null : { name: 'finish', reason: stop };
}

function notFound(given: string): (error: unknown) => never {
  return error => {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw new Problem(
      'not-found',
      `There is no sweep after the offboarding of "${given}": one begins where somebody was switched off and the ` +
        'policy of that plan gives it a rhythm (docs/sweep.md).',
    );
  };
}

function show({ terminal }: Session, state: Sweep): void {
  terminal.say(clean(`${state.workflowId}: ${state.outcome ?? state.state}. ${state.sentence}`));
  terminal.say(`Rounds: ${state.round}; caught and handed over: ${state.moved}.`);
  if (state.addenda.length > 0) terminal.say(`Addenda to the certificate: ${state.addenda.join(', ')}.`);
  if (state.due && !state.outcome) terminal.say(`Next round: ${minuteOf(state.due)}.`);
  for (const { subject, says } of state.open) terminal.say(clean(`For people: ${subject}: ${says}`));
}
