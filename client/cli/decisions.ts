/**
 * The decisions as commands. Each is one update to the run, answered with accepted or refused and a sentence;
 * the same can be sent in the Temporal UI. Where decisions must be proved they go through the gateway. Decisions
 * about a plan name its digest: nothing is approved that was not looked at.
 */
import type { Command } from '@commander-js/extra-typings';
import { GIVE_BACK_DECISIONS } from '../../domain/give-back.js';
import { A_KIND, type Kind } from '../../domain/ids.js';
import type { DecisionName } from '../../domain/request.js';
import { openAcknowledgements } from '../../domain/run.js';
import { SWEEP_DECISIONS } from '../../domain/sweep.js';
import { isGiveBack, isSweep } from '../../workflows/messages.js';
import { clean } from '../clean.js';
import { commandLine, decisionLine } from '../printed.js';
import { Problem } from '../problem.js';
import { type Addressee, addresseeOf, gatewayFor } from './addressee.js';
import {
  byOption,
  type Context,
  gatewayOption,
  inSession,
  newCommand,
  type Session,
  type SharedOptions,
} from './command.js';
import { EXIT } from './exit.js';
import { amendmentOf, overridesFile, overridesOf, withOrderOptions } from './order-options.js';
import { showGiveBack, showRun } from './show.js';
import type { Terminal } from './terminal.js';

const RUN = 'workflow id, directory id, offboarding id, e-mail or login';

/** A decision as a command line says it, before anything is looked up. */
export interface Said {
  name: DecisionName;
  run: string;
  /** Its fields; what was not said is left out. */
  payload: Record<string, unknown>;
  /** `acknowledge --all`: whatever is open when it is sent. */
  all?: boolean;
  /** `amend --overrides`: a file that is still to be read. */
  overridesFile?: string | undefined;
  options: SharedOptions & { id?: string | undefined; gateway?: string | undefined };
}

export function registerDecisions(program: Command, context: Context): void {
  const send = (said: Said): Promise<void> =>
    inSession(context, said.options, session => complete(session, said));
  for (const command of decisionCommands(send)) program.addCommand(command);
}

/** One command per decision; what to do with what was said is up to the caller. */
export function decisionCommands(act: (said: Said) => Promise<void>): Command[] {
  return [
    aboutPlan('approve')
      .option('--step <id>', 'the skip of this step')
      .option('--keys <digest>', 'with --step: the digest of the keys that it leaves, as the status shows it')
      .action((run, digest, options) => {
        const { plan = digest, step, keys } = options;
        return act(said('approve', run, options, { plan, step, keys }));
      }),
    aboutPlan('reject').action((run, digest, options) =>
      act(said('reject', run, options, { plan: options.plan ?? digest })),
    ),
    aboutPlan('execute').action((run, digest, options) =>
      act(said('execute', run, options, { plan: options.plan ?? digest })),
    ),
    decision('acknowledge')
      .argument('<run>', RUN)
      .argument('[category...]', 'system/category, or system/account for a missing account')
      .option('--all', 'everything that is still open')
      .action((run, category, options) => {
        if (category.length === 0 && !options.all)
          throw new Problem(
            'usage',
            'Name what you have seen (system/category), or say --all. "handover status" lists it.',
          );
        return act({ ...said('acknowledge', run, options, { category }), all: options.all === true });
      }),
    withOrderOptions(newCommand('amend').argument('<run>', RUN))
      .option('--departure <how>', 'planned or unplanned')
      .addHelpText(
        'after',
        '\nThe word null in place of a value takes back what was said: --successor null, --successors crm/leads=null.',
      )
      .addOption(byOption())
      .addOption(gatewayOption())
      .option('--id <id>', 'ask again after an unknown answer')
      .action((run, options) =>
        act({ ...said('amend', run, options, amendmentOf(options)), overridesFile: overridesFile(options) }),
      ),
    aboutRun('pause', act),
    aboutRun('resume', act),
    aboutRun('retry', act),
    decision('skip')
      .argument('<run>', RUN)
      .argument('<step>', 'system/category')
      .requiredOption('--reason <text>', 'why the items may stay')
      .action((run, step, options) => act(said('skip', run, options, { step, reason: options.reason }))),
    decision('finish')
      .argument('<run>', RUN)
      .requiredOption('--reason <text>', 'why the run ends here')
      .action((run, options) => act(said('finish', run, options, { reason: options.reason }))),
    decision('cancel')
      .argument('<run>', RUN)
      .option('--access <keep|restore>', 'what becomes of a blocked sign-in')
      .action((run, options) => act(said('cancel', run, options, { access: options.access }))),
  ] as unknown as Command[];
}

function decision(name: DecisionName) {
  return newCommand(name)
    .addOption(byOption())
    .addOption(gatewayOption())
    .option('--note <text>', 'what others should know')
    .option('--id <id>', 'ask again after an unknown answer');
}

/** A decision about one plan, which the sender has looked at. */
function aboutPlan(name: DecisionName) {
  return decision(name)
    .argument('<run>', RUN)
    .argument('[digest]', 'the digest of the plan that you looked at, at least its first 12 characters')
    .option('--plan <digest>', 'the same');
}

function aboutRun(name: DecisionName, act: (said: Said) => Promise<void>) {
  return decision(name)
    .argument('<run>', RUN)
    .action((run, options) => act(said(name, run, options, {})));
}

function said(
  name: DecisionName,
  run: string,
  options: Said['options'] & { by?: string | undefined; note?: string | undefined },
  fields: Record<string, unknown>,
): Said {
  const all = Object.entries({ by: options.by, ...fields, note: options.note });
  return { name, run, payload: Object.fromEntries(all.filter(([, value]) => value !== undefined)), options };
}

/** Looks up what the command line leaves open, and sends it. */
async function complete(session: Session, given: Said): Promise<number> {
  const { name, run, all, options } = given;
  const to = await addresseeOf(session, run, await gatewayFor(session, options.gateway));
  const taken = TAKEN[to.run.kind];
  if (taken && !taken.includes(name))
    throw new Problem(
      'usage',
      `${capital(A_KIND[to.run.kind])} takes ${taken.join(', ')}; "${name}" is for an offboarding.`,
    );
  const payload =
    given.overridesFile === undefined
      ? given.payload
      : { ...given.payload, overrides: await overridesOf(session, given.overridesFile) };
  if (PLANNED.has(name) && payload.plan === undefined) return refuseToGuess(session, to, name, payload);
  if (!all) return decide(session, to, name, payload, options);
  const category = await openSubjects(session, to);
  if (category.length === 0) return nothingOpen(session, to);
  return decide(session, to, name, { ...payload, category }, options);
}

/** What others than an offboarding take; null = all of it. */
const TAKEN: Record<Kind, readonly DecisionName[] | null> = {
  offboarding: null,
  sweep: SWEEP_DECISIONS,
  'give-back': GIVE_BACK_DECISIONS,
};

const PLANNED: ReadonlySet<DecisionName> = new Set(['approve', 'reject', 'execute']);

export async function decide(
  { terminal }: Session,
  to: Addressee,
  name: DecisionName,
  payload: Record<string, unknown>,
  options: Said['options'],
): Promise<number> {
  const answer = await to.send(name, payload, options.id);
  if (!answer) return closed(terminal, to);
  const { workflowId } = to.run;
  terminal.json({ run: workflowId, message: name, ...answer });
  switch (answer.verdict) {
    case 'accepted':
      terminal.say(clean(answer.sentence));
      return EXIT.done;
    case 'refused':
      terminal.warn(clean(`Refused: ${answer.sentence}`));
      return EXIT.refused;
    case 'sent':
      terminal.warn(`${answer.sentence} Look with: ${commandLine('status', workflowId)}`);
      return EXIT.outOfReach;
    case 'unknown':
      terminal.warn(`${answer.sentence} That is: the same command with --id ${answer.id}`);
      return EXIT.outOfReach;
  }
}

async function closed(terminal: Terminal, to: Addressee): Promise<number> {
  const { workflowId, kind } = to.run;
  const how = await to.status().then(
    ({ outcome }) => (outcome ? ` (${outcome})` : ''),
    () => '',
  );
  const sentence =
    kind !== 'offboarding'
      ? `The ${kind} ${workflowId} is over${how}: nothing can be decided any more.`
      : `The offboarding ${workflowId} is closed${how}: nothing can be decided any more. If something is left to do, start a new one.`;
  terminal.json({ run: workflowId, verdict: 'refused', sentence });
  terminal.warn(sentence);
  return EXIT.refused;
}

/** Shows the plan and asks to be told which one is meant. */
async function refuseToGuess(
  { terminal }: Session,
  to: Addressee,
  name: DecisionName,
  payload: Record<string, unknown>,
): Promise<never> {
  const status = await to.status();
  const { workflowId } = to.run;
  if (isSweep(status)) throw new Problem('usage', `A sweep takes ${SWEEP_DECISIONS.join(', ')}.`);
  const plan = isGiveBack(status) ? status.back : status.plan;
  if (!plan) {
    const look = commandLine('status', workflowId);
    throw new Problem('refused', `There is no plan to ${name}: ${clean(status.sentence)} Look with: ${look}`);
  }
  if (isGiveBack(status)) showGiveBack(terminal, to.run, status);
  else showRun(terminal, to.run, status);
  const digest = plan.digest.slice(0, 12);
  const again = decisionLine(workflowId, { message: name, json: { ...payload, plan: digest } });
  throw new Problem(
    'usage',
    `"${name}" is for one plan, and yours was not named. The plan is now revision ${plan.revision}, ${digest}. If that is the one you looked at, repeat: ${again}`,
  );
}

function capital(words: string): string {
  return `${words[0]!.toUpperCase()}${words.slice(1)}`;
}

async function openSubjects({ terminal }: Session, to: Addressee): Promise<string[]> {
  const state = await to.status();
  if (isSweep(state)) {
    for (const { subject, says } of state.open) terminal.say(clean(`${subject}: ${says}`));
    return state.open.map(({ subject }) => subject);
  }
  if (isGiveBack(state)) return [];
  const open = openAcknowledgements(state);
  for (const item of open) {
    const page = item.page ? ` ${item.page}` : '';
    terminal.say(clean(`${item.subject}: ${item.count > 0 ? `${item.count} ` : ''}${item.title}${page}`));
  }
  return open.map(item => item.subject);
}

function nothingOpen({ terminal }: Session, { run }: Addressee): number {
  const sentence = 'Nothing is waiting to be acknowledged.';
  terminal.json({ run: run.workflowId, verdict: 'accepted', sentence });
  terminal.say(sentence);
  return EXIT.done;
}
