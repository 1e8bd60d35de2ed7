/**
 * The front door: for people in the Temporal UI, the CLI and other tools, under any workflow id. It checks
 * the request, looks the people up, and starts the one offboarding of that person, or answers with the run
 * that is open already.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, setCurrentDetails, startChild, uuid4, workflowInfo } from '@temporalio/workflow';
import type { Identified } from '../activities/people.js';
import { idsOf } from '../domain/ids.js';
import { type Decider, mayRequest, type Participant } from '../domain/people.js';
import { priorityOf } from '../domain/priority.js';
import { momentsIn, type Order, parseRequest } from '../domain/request.js';
import { contentOf, unsealed } from '../domain/statement.js';
import { summary } from '../domain/summary.js';
import { OFFBOARD_USER, type OffboardUserInput, type RequestAnswer } from './messages.js';
import { ask, quick } from './proxies.js';

export async function requestOffboarding(request?: unknown): Promise<RequestAnswer> {
  const answer = await answerTo(request);
  setCurrentDetails(
    `### ${answer.answer}\n\n${answer.answer === 'not-started' ? `${answer.reason}\n\n${answer.next}` : `${answer.next}\n\nWorkflow \`${answer.workflowId}\``}`,
  );
  return answer;
}

async function answerTo(request: unknown): Promise<RequestAnswer> {
  const { body, statement } = unsealed(request);
  const parsed = parseRequest(body);
  if (!parsed.ok) return notStarted(parsed.sentence);
  const order = parsed.value;
  const { user, requestedBy } = order;
  const letter = {
    name: 'request',
    run: null,
    by: requestedBy,
    use: workflowInfo().runId,
    ...(statement !== undefined && { seal: { statement, ...contentOf(body) } }),
  };
  const moments = momentsIn(order);
  const input = { user, requestedBy, moments, letter };
  const known = await ask(quick.introduce, 'Who is to leave, and who asks?', input);
  if (!known.ok) return notStarted(`Nobody could be looked up: ${known.sentence}`);
  const unclear = moments.flatMap(text => known.value.unclear?.[text] ?? []);
  if (unclear.length > 0) return notStarted(`${unclear.join('; ')}.`);
  const leaver = theOne('user', known.value.user);
  if ('sentence' in leaver) return notStarted(leaver.sentence);
  const requester = theOne('requestedBy', known.value.requestedBy);
  if ('sentence' in requester) return notStarted(requester.sentence);
  const objection = mayRequest(leaver, requester);
  if (objection) return notStarted(objection);
  return start({ order, body: body as object, statement, leaver, requester });
}

/**
 * Whom the directory found, and whose directory it is: the front door learns from its worker whom it serves.
 */
function theOne(key: string, found: Identified): (Decider & { installation: string }) | { sentence: string } {
  if (found.kind !== 'one') return { sentence: `"${key}": ${found.sentence}` };
  return { ...found.person, installation: found.installation };
}

interface Asked {
  order: Order;
  /** The request without its statement, as it came. */
  body: object;
  statement: string | undefined;
  leaver: Decider & { installation: string };
  requester: Decider;
}

async function start({ order, body, statement, leaver, requester }: Asked): Promise<RequestAnswer> {
  const workflowId = idsOf(leaver.installation).offboarding(leaver.id);
  const offboardingId = uuid4();
  const input: OffboardUserInput = {
    offboardingId,
    order: body,
    ...(statement !== undefined && { statement }),
    leaver: participant(leaver),
    requester: participant(requester),
  };
  try {
    await startChild(OFFBOARD_USER, {
      workflowId,
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowTaskTimeout: TASK_TIMEOUT,
      memo: { offboardingId },
      priority: priorityOf(order),
      staticSummary: summary(`Offboarding of ${leaver.name}`),
      staticDetails: `Asked for by ${requester.name}. ${order.note ?? ''}`.slice(0, 1000),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    // Defaults are nobody's wish.
    return alreadyRunning(workflowId, leaver, order, Object.keys(body));
  }
  const next =
    order.mode === 'preview'
      ? 'It plans and closes; nobody is asked.'
      : 'It makes a plan and then waits for acknowledgements and approval: its current details show the messages to send.';
  return { answer: 'started', workflowId, offboardingId, leaver: leaver.name, next };
}

/**
 * Says how the new request differs and which `amend` would make the open run do it. Changes nothing by
 * itself.
 */
async function alreadyRunning(
  workflowId: string,
  leaver: Decider,
  order: Order,
  given: readonly string[],
): Promise<RequestAnswer> {
  const open = await ask(quick.openRequest, 'What does the open run do?', { leaverId: leaver.id });
  const current = open.ok ? open.value.order : null;
  const differs = current
    ? AMENDABLE.filter(
        key => given.includes(key) && JSON.stringify(order[key]) !== JSON.stringify(current[key]),
      )
    : [];
  const amend =
    differs.length > 0 ? { by: '', ...Object.fromEntries(differs.map(key => [key, order[key]])) } : null;
  return {
    answer: 'already-running',
    workflowId,
    leaver: leaver.name,
    differs,
    amend,
    next: amend
      ? `This person is being offboarded already. To change that run, send it the message "amend" with ${JSON.stringify(amend)} and your name in "by".`
      : 'This person is being offboarded already, with the same request: look at that run.',
  };
}

/**
 * A worker that takes up a long run reads all of its history first. Temporal's own ten seconds are too short for
 * that on a machine that is busy beyond its means: the task would be begun anew, at the same cost, for ever. No
 * longer than this, though: a worker that dies or stops may take a task along, and somebody waits for an answer
 * (20 s on the command line).
 */
const TASK_TIMEOUT = '15 seconds';

const AMENDABLE = [
  'successor',
  'successors',
  'overrides',
  'identities',
  'mode',
  'departure',
  'effectiveAt',
  'handoverAt',
  'giveBackAt',
  'systems',
] as const satisfies (keyof Order)[];

function participant(person: Decider): Participant {
  const { id, name, human, marks } = person;
  return { id, name, human, ...(marks && { marks }) };
}

function notStarted(reason: string): RequestAnswer {
  return {
    answer: 'not-started',
    reason,
    next: 'Nothing was started and nothing was changed. Mend the request and send it again.',
  };
}
