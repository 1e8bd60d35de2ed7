/** `handover start`: a request through the front door, as the Temporal UI would send it. */
import { randomUUID } from 'node:crypto';
import type { Command } from '@commander-js/extra-typings';
import { parseRequest } from '../../domain/request.js';
import type { RequestAnswer } from '../../workflows/messages.js';
import { clean } from '../clean.js';
import type { GatewayClient } from '../gateway.js';
import { commandLine } from '../printed.js';
import { Problem } from '../problem.js';
import type { Unanswered } from '../runs.js';
import { findRun } from '../which-run.js';
import { gatewayFor } from './addressee.js';
import {
  byOption,
  type Context,
  gatewayOption,
  inSession,
  newCommand,
  type Session,
  said,
} from './command.js';
import { EXIT } from './exit.js';
import { orderOf, overridesFile, overridesOf, withOrderOptions } from './order-options.js';
import { watch } from './watch.js';

export function registerStart(program: Command, context: Context): void {
  const command = withOrderOptions(
    newCommand('start').argument('<user>', 'e-mail, login or id:<directory id>'),
  )
    .addOption(byOption())
    .addOption(gatewayOption())
    .option('--wait', 'stay and show what happens until the run waits for people or closes')
    .option('--id <id>', 'ask again after an unknown answer')
    .action((user, options) =>
      inSession(context, options, async session => {
        const order = orderOf(options);
        const file = overridesFile(options);
        if (file !== undefined) order.overrides = await overridesOf(session, file);
        const gateway = await gatewayFor(session, options.gateway);
        if (gateway) return begun(session, await askThrough(gateway, user, order, options), options);
        const request = { user, requestedBy: said(options.by), ...order };
        // The same rules as at the front door: a mistake is told at once, also while no worker runs.
        const parsed = parseRequest(request);
        if (!parsed.ok) throw new Problem('usage', parsed.sentence);
        const { reach } = session;
        const offboardings = await reach.offboardings();
        const answer = await offboardings.ask(request, { id: options.id, timeoutMs: reach.patienceMs });
        return begun(session, answer, options);
      }),
    );
  program.addCommand(command);
}

/** In the name of who is logged in there: then it is proved who asked. */
async function askThrough(
  gateway: GatewayClient,
  user: string,
  order: Record<string, unknown>,
  { by, id = randomUUID() }: { by?: string | undefined; id?: string | undefined },
): Promise<RequestAnswer | Unanswered> {
  const request = { user, ...order, ...(by !== undefined && { requestedBy: by }) };
  const { body } = await gateway.call('POST', '/offboardings', request, { 'idempotency-key': id });
  if (body.answer !== 'unknown') return body as RequestAnswer;
  return { verdict: 'unknown', sentence: String(body.next), id };
}

async function begun(
  session: Session,
  answer: RequestAnswer | Unanswered,
  options: { wait?: true | undefined },
): Promise<number> {
  const { reach, terminal } = session;
  terminal.json(answer);
  if ('verdict' in answer) {
    terminal.warn(`${answer.sentence} That is: the same command with --id ${answer.id}`);
    return EXIT.outOfReach;
  }
  switch (answer.answer) {
    case 'not-started':
      terminal.warn(clean(`${answer.reason} ${answer.next}`));
      return EXIT.refused;
    case 'already-running':
      terminal.warn(clean(answer.next));
      terminal.warn(`It is ${answer.workflowId}: ${commandLine('status', answer.workflowId)}`);
      return EXIT.refused;
    case 'started':
      terminal.say(
        `Started ${answer.workflowId} for ${clean(answer.leaver)} (offboarding ${answer.offboardingId}).`,
      );
      if (options.wait) return watch(session, await findRun(reach, answer.workflowId));
      terminal.say(`${clean(answer.next)} Look with: ${commandLine('status', answer.workflowId)}`);
      return EXIT.done;
  }
}
