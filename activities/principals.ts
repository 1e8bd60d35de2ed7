/** Proves who sent a signal by the principal of its own event, on a server that passes principals on. */
import { activityInfo } from '@temporalio/activity';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { temporal } from '@temporalio/proto';
import { HandoverFailure } from '../domain/failure.js';
import {
  foreignWork,
  NOT_THERE,
  type Principals,
  type SignalPlace,
  senderOf,
  type Trace,
} from '../domain/principal.js';
import { contentOf, type Letter, unsealed } from '../domain/statement.js';
import { whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { directoryOf, whoIs } from './directory.js';

/**
 * What Temporal says about a letter: it is theirs (the event that says so), it is somebody else's, or it does
 * not say (a clause).
 */
export type TemporalsWord = { event: number } | { objection: string } | { doubt: string };

/** Reads the history of the run that asks once, however many letters there are. */
export function historyReader(deps: Deps): () => Promise<Trace[]> {
  let read: Promise<Trace[]> | undefined;
  return () => {
    read ??= readHistory(deps);
    return read;
  };
}

export async function askTemporal(
  deps: Deps,
  principals: Principals,
  { name, by, signal }: Letter & { signal: SignalPlace },
  history: () => Promise<Trace[]>,
): Promise<TemporalsWord> {
  const sent = senderOf(await history(), { name, nth: signal.nth }, principals);
  if ('doubt' in sent) return sent;
  const { event, principal, payload } = sent;
  if ((await digestOf(deps, payload as Payloads)) !== signal.content) return { doubt: NOT_THERE };
  const said = await whoIs(deps, by);
  if ('sentence' in said) return { doubt: 'it names nobody' };
  const { id, email, known } = said.person;
  const theirs = [
    { by: 'id', value: id },
    { by: 'email', value: email },
    ...known.filter(one => one.by !== 'id'),
  ];
  const isTheirs = theirs.some(one => one.by === principals.person && one.value === principal);
  if (!isTheirs)
    return { objection: `it says it is from "${by}", and Temporal says that "${principal}" sent it` };
  const directory = await directoryOf(deps);
  const found = await directory.findPeople({ by: principals.person, value: principal }, whenAbandoned());
  return found.length === 1 && found[0]!.id === id
    ? { event }
    : { doubt: `"${principal}", who sent it, may be more than one person of the directory` };
}

/**
 * The verb, refused where somebody who is no worker has worked on the run. An answer of theirs may have said that
 * decisions are proved, and only what has the connections to the targets cannot be answered in its place.
 */
export function ofOurWorkers<I, O>(
  verb: (deps: Deps, input: I) => Promise<O>,
): (deps: Deps, input: I) => Promise<O> {
  return async (deps, input) => {
    const { principals, policy } = await deps.rules();
    if (principals && policy.decisions === 'verified') {
      const foreign = foreignWork(await readHistory(deps), principals);
      if (foreign) throw new HandoverFailure('rejected', `Nothing is changed, because ${foreign}: ${MEND}`);
    }
    return verb(deps, input);
  };
}

const MEND =
  'let nobody but workers poll its task queue, name their principals (temporal.principals.workers), and begin anew.';

type Payloads = temporal.api.common.v1.IPayloads | null | undefined;

/** As the workflow made one of what it was given. */
async function digestOf({ temporal }: Deps, payloads: Payloads): Promise<string> {
  const [payload] = await decodeArrayFromPayloads(temporal.options.loadedDataConverter, payloads?.payloads);
  return contentOf(unsealed(payload).body ?? null).content;
}

async function readHistory({ temporal }: Deps): Promise<Trace[]> {
  const { workflowId, runId } = activityInfo().workflowExecution!;
  const { events } = await temporal.workflow.getHandle(workflowId, runId).fetchHistory();
  return (events ?? []).flatMap(event => traceOf(event) ?? []);
}

/** Of `WorkflowTaskFailedCause`: a reset ended it. */
const RESET = 20;

function traceOf(event: temporal.api.history.v1.IHistoryEvent): Trace | null {
  const { principal } = event;
  const by = principal ? { type: principal.type ?? '', name: principal.name ?? '' } : null;
  const at = { id: Number(event.eventId), by };
  const signal = event.workflowExecutionSignaledEventAttributes;
  if (signal) {
    const fromWorkflow = Boolean(signal.externalWorkflowExecution);
    return { ...at, kind: 'signal', name: signal.signalName ?? '', fromWorkflow, payload: signal.input };
  }
  if (event.workflowTaskFailedEventAttributes?.cause === RESET) return { ...at, kind: 'reset' };
  if (event.workflowTaskScheduledEventAttributes) return { ...at, kind: 'scheduled' };
  const isWork = event.workflowTaskCompletedEventAttributes ?? event.activityTaskCompletedEventAttributes;
  return isWork ? { ...at, kind: 'worked' } : null;
}
