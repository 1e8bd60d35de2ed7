/**
 * The decisions as commands. Each is one update to the run, answered with accepted or refused and a sentence; the same can be sent
 * in the Temporal UI. Decisions about a plan name its digest: nothing is approved that was not looked at.
 */
import type { Command } from '@commander-js/extra-typings';
import { WorkflowNotFoundError } from '@temporalio/client';
import { type DecisionName, parseDecision } from '../../domain/request.js';
import { openAcknowledgements } from '../../domain/run.js';
import { clean } from '../clean.js';
import { readStatus } from '../follow.js';
import { Problem } from '../problem.js';
import { findRun, type LiveRun } from '../which-run.js';
import { byOption, type Context, inSession, newCommand, type Session, type SharedOptions } from './command.js';
import { EXIT } from './exit.js';
import { orderOf, withOrderOptions } from './order-options.js';
import { showRun } from './show.js';

const RUN = 'workflow id, directory id, offboarding id, e-mail or login';

export function registerDecisions(program: Command, context: Context): void {
  for (const [name, description] of [
    ['approve', 'agree with one plan, as an approver; with --step, with a skip'],
    ['reject', 'close the run without any change, as an approver'],
    ['execute', 'the final confirmation, where the policy wants one'],
  ] as const) {
    const command = decision(name, description)
      .argument('<run>', RUN)
      .argument('[digest]', 'the digest of the plan that you looked at, at least its first 12 characters')
      .option('--plan <digest>', 'the same')
      .option('--step <id>', 'approve: the skip of this step')
      .option('--keys <digest>', 'with --step: the digest of the keys that it leaves, as the status shows it')
      .action((run, digest, options) =>
        inSession(context, options, async session => {
          const found = await findRun(session.reach, run);
          const plan = digest ?? options.plan ?? (await refuseToGuess(session, found, name, options.step));
          return decide(session, found, name, { ...spoken(options), plan, step: options.step, keys: options.keys }, options);
        }),
      );
    program.addCommand(command);
  }

  program.addCommand(
    decision('acknowledge', 'say that you have seen what must be done by hand')
      .argument('<run>', RUN)
      .argument('[category...]', 'system/category, or system/account for a missing account')
      .option('--all', 'everything that is still open')
      .action((run, categories, options) =>
        inSession(context, options, async session => {
          const found = await findRun(session.reach, run);
          const category = options.all ? await openSubjects(session, found) : categories;
          if (category.length === 0 && options.all) return nothingOpen(session, found);
          if (category.length === 0)
            throw new Problem('usage', 'Name what you have seen (system/category), or say --all. "handover status" lists it.');
          return decide(session, found, 'acknowledge', { ...spoken(options), category }, options);
        }),
      ),
  );

  program.addCommand(
    withOrderOptions(
      newCommand('amend', 'change successors, overrides, identities, mode, departure or date: a new plan').argument('<run>', RUN),
    )
      .addOption(byOption())
      .option('--id <id>', 'ask again after an unknown answer')
      .action((run, options) =>
        inSession(context, options, async session => {
          const found = await findRun(session.reach, run);
          return decide(session, found, 'amend', { by: options.by, ...orderOf(options) }, options);
        }),
      ),
  );

  for (const [name, description] of [
    ['pause', 'stop after the batch in hand'],
    ['resume', 'go on after a pause'],
    ['retry', 'prepare again, or run again what is not done yet'],
  ] as const) {
    program.addCommand(
      decision(name, description)
        .argument('<run>', RUN)
        .action((run, options) =>
          inSession(context, options, async session =>
            decide(session, await findRun(session.reach, run), name, spoken(options), options),
          ),
        ),
    );
  }

  program.addCommand(
    decision('skip', 'leave the items of a failed step with the leaver, once an approver agrees')
      .argument('<run>', RUN)
      .argument('<step>', 'system/category')
      .requiredOption('--reason <text>', 'why the items may stay')
      .action((run, step, options) =>
        inSession(context, options, async session => {
          const found = await findRun(session.reach, run);
          return decide(session, found, 'skip', { ...spoken(options), step, reason: options.reason }, options);
        }),
      ),
  );

  program.addCommand(
    decision('finish', 'close a parked run as completed-partially')
      .argument('<run>', RUN)
      .requiredOption('--reason <text>', 'why the run ends here')
      .action((run, options) =>
        inSession(context, options, async session => {
          const found = await findRun(session.reach, run);
          return decide(session, found, 'finish', { ...spoken(options), reason: options.reason }, options);
        }),
      ),
  );

  program.addCommand(
    decision('cancel', 'stop at the next safe boundary')
      .argument('<run>', RUN)
      .option('--access <keep|restore>', 'what becomes of a blocked sign-in')
      .action((run, options) =>
        inSession(context, options, async session => {
          const found = await findRun(session.reach, run);
          return decide(session, found, 'cancel', { ...spoken(options), access: options.access }, options);
        }),
      ),
  );
}

function decision(name: DecisionName, description: string) {
  return newCommand(name, description)
    .addOption(byOption())
    .option('--note <text>', 'what others should know')
    .option('--id <id>', 'ask again after an unknown answer');
}

function spoken(options: { by: string; note?: string | undefined }): { by: string; note?: string } {
  return { by: options.by, note: options.note };
}

async function decide(
  { reach, terminal }: Session,
  run: LiveRun,
  name: DecisionName,
  payload: Record<string, unknown>,
  options: SharedOptions & { id?: string | undefined },
): Promise<number> {
  const said = Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
  const parsed = parseDecision(name, said);
  if (!parsed.ok) throw new Problem('usage', parsed.sentence);
  if (run.status !== 'RUNNING') return closed({ reach, terminal }, run);
  const offboardings = await reach.offboardings();
  let answer: Awaited<ReturnType<typeof offboardings.decide>>;
  try {
    answer = await offboardings.decide(run.workflowId, name, said, { id: options.id, timeoutMs: reach.patienceMs });
  } catch (error) {
    // It closed between our look and our message.
    if (error instanceof WorkflowNotFoundError) return closed({ reach, terminal }, run);
    throw error;
  }
  terminal.json({ run: run.workflowId, message: name, ...answer });
  switch (answer.verdict) {
    case 'accepted':
      terminal.say(clean(answer.sentence));
      return EXIT.done;
    case 'refused':
      terminal.warn(clean(`Refused: ${answer.sentence}`));
      return EXIT.refused;
    case 'unknown':
      terminal.warn(`${answer.sentence} That is: the same command with --id ${answer.id}`);
      return EXIT.outOfReach;
  }
}

async function closed({ reach, terminal }: Session, run: LiveRun): Promise<number> {
  const how = await readStatus(reach, run).then(
    status => (status.outcome ? ` (${status.outcome})` : ''),
    () => '',
  );
  const sentence = `The offboarding ${run.workflowId} is closed${how}: nothing can be decided any more. If something is left to do, start a new one.`;
  terminal.json({ run: run.workflowId, verdict: 'refused', sentence });
  terminal.warn(sentence);
  return EXIT.refused;
}

/** Shows the plan and asks to be told which one is meant. */
async function refuseToGuess(
  { reach, terminal }: Session,
  run: LiveRun,
  name: DecisionName,
  step: string | undefined,
): Promise<never> {
  const status = await readStatus(reach, run);
  if (!status.plan)
    throw new Problem(
      'refused',
      `There is no plan to ${name}: ${clean(status.sentence)} Look with "handover status ${run.workflowId}".`,
    );
  showRun(terminal, run, status);
  const digest = status.plan.digest.slice(0, 12);
  const again = `handover ${name} ${run.workflowId} ${digest}${step ? ` --step ${step} --keys …` : ''} --by …`;
  throw new Problem(
    'usage',
    `"${name}" is for one plan, and yours was not named. The plan is now revision ${status.plan.revision}, ${digest}. If that is the one you looked at, repeat: ${again}`,
  );
}

async function openSubjects({ reach, terminal }: Session, run: LiveRun): Promise<string[]> {
  const open = openAcknowledgements(await readStatus(reach, run));
  for (const item of open) {
    const page = item.page ? ` ${item.page}` : '';
    terminal.say(clean(`${item.subject}: ${item.count > 0 ? `${item.count} ` : ''}${item.title}${page}`));
  }
  return open.map(item => item.subject);
}

function nothingOpen({ terminal }: Session, run: LiveRun): number {
  const sentence = 'Nothing is waiting to be acknowledged.';
  terminal.json({ run: run.workflowId, verdict: 'accepted', sentence });
  terminal.say(sentence);
  return EXIT.done;
}
