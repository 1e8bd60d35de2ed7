/** `handover sweep`: what still lands on somebody who was switched off, and what is asked about it. */
import { type Command, Option } from '@commander-js/extra-typings';
import type { Kind } from '../../domain/ids.js';
import type { DecisionOf } from '../../domain/request.js';
import type { SweepDecision } from '../../domain/sweep.js';
import { isSweep } from '../../workflows/messages.js';
import type { GatewayClient } from '../gateway.js';
import { Problem } from '../problem.js';
import { describe, offboardingNamed } from '../which-run.js';
import { type Addressee, addresseeBehind, addresseeOf, gatewayFor } from './addressee.js';
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
  const { terminal } = session;
  const decision = decisionOf(options);
  // Looking goes straight there, as `status` does, unless a gateway is named.
  const isThrough = decision !== null || options.gateway !== undefined;
  const gateway = isThrough ? await gatewayFor(session, options.gateway) : null;
  const to = gateway ? await behind(gateway, given) : await straight(session, given);
  if (decision) {
    const { name, ...more } = decision;
    return decide(session, to, name, { ...(options.by && { by: options.by }), ...more }, {});
  }
  const state = await to.status();
  if (!isSweep(state)) throw new Error(`${to.run.workflowId} is no sweep`);
  terminal.json({ ...state, ...(!gateway && { temporal: to.run.status }) });
  showSweep(terminal, to.run, state);
  return state.waitingOn === 'nobody' ? EXIT.done : EXIT.waiting;
}

/** Of several offboardings of one person the sweep after the newest. */
async function straight(session: Session, given: string): Promise<Addressee> {
  const { reach } = session;
  const { ids } = await reach.offboardings();
  if (given.startsWith(ids.sweeps)) return addresseeOf(session, given, null);
  const id = ids.sweep(await offboardingNamed(reach, given));
  if (!(await describe(reach, id))) throw none(given);
  return addresseeOf(session, id, null);
}

/** The same where nothing but the gateway is in reach: it knows what came after whom. */
async function behind(gateway: GatewayClient, given: string): Promise<Addressee> {
  const { body } = await gateway.call('GET', `/offboardings/${encodeURIComponent(given)}/certificate`);
  const after = body.after as { kind: Kind; run: string }[];
  const its = after.find(({ kind }) => kind === 'sweep');
  if (!its) throw none(given);
  return addresseeBehind(gateway, { workflowId: its.run, kind: 'sweep' });
}

function none(given: string): Problem {
  return new Problem(
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
