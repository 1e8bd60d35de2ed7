/**
 * What people call a run: a workflow id, a directory id, an offboarding id, or the leaver's e-mail or login.
 */
import { WorkflowNotFoundError } from '@temporalio/client';
import { foreignId, type Ids, idsOf, type Kind } from '../domain/ids.js';
import type { Person } from '../domain/model.js';
import { GIVE_BACK, OFFBOARD_USER, SWEEP_STRAGGLERS } from '../workflows/messages.js';
import { clean } from './clean.js';
import { Problem } from './problem.js';
import { queryOf, type Reach } from './reach.js';

/** A run as Temporal knows it. */
export interface LiveRun {
  kind: Kind;
  workflowId: string;
  runId: string;
  /** RUNNING, COMPLETED, TERMINATED, ... */
  status: string;
  /** Of what comes after an offboarding its own id. */
  offboardingId: string | null;
}

const KINDS: Readonly<Record<string, Kind>> = {
  [OFFBOARD_USER]: 'offboarding',
  [SWEEP_STRAGGLERS]: 'sweep',
  [GIVE_BACK]: 'give-back',
};

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function isOffboardingId(given: string): boolean {
  return UUID.test(given);
}

/** The run that is meant, as Temporal has it now. */
export async function findRun(reach: Reach, given: string): Promise<LiveRun> {
  if (isOffboardingId(given)) return byOffboardingId(reach, given.toLowerCase());
  const { workflowId, who } = await workflowOf(reach, given);
  const run = await describe(reach, workflowId);
  if (run) return run;
  throw new Problem(
    'not-found',
    `There is no offboarding of ${who}${who.includes(workflowId) ? '' : ` (${workflowId})`}. Start one with "handover start", look with "handover list", or ask the archive with "handover audit".`,
  );
}

async function idsHere(reach: Reach): Promise<Ids> {
  return idsOf((await reach.installation()).config.installation);
}

/** The workflow id that is meant; says nothing about whether it runs. */
export async function workflowOf(reach: Reach, given: string): Promise<{ workflowId: string; who: string }> {
  const ids = await idsHere(reach);
  if (given.includes('/')) {
    const foreign = foreignId(ids, given);
    if (foreign) throw new Problem('usage', `${foreign} Name its configuration with --config.`);
    return { workflowId: given, who: given };
  }
  if (given.startsWith('id:')) return { workflowId: ids.offboarding(given.slice(3)), who: given };
  if (given.includes('@')) {
    const person = await onePerson(reach, given);
    return { workflowId: ids.offboarding(person.id), who: `${clean(person.name)} (id:${person.id})` };
  }
  return byWord(reach, ids, given);
}

/**
 * A bare word is a directory id or a login. Where it is one person's id and another one's login, nobody
 * guesses.
 */
async function byWord(reach: Reach, ids: Ids, word: string): Promise<{ workflowId: string; who: string }> {
  const asId = { workflowId: ids.offboarding(word), who: `"${word}"` };
  let found: Person[];
  try {
    const people = await Promise.all([
      reach.findPeople({ by: 'id', value: word }),
      reach.findPeople({ by: 'login', value: word }),
    ]);
    found = [...new Map(people.flat().map(person => [person.id, person])).values()];
  } catch (error) {
    // Without its directory an id still names its run; a login cannot be looked up then.
    if (await describe(reach, asId.workflowId)) return asId;
    throw error;
  }
  if (found.length > 1) {
    throw new Problem(
      'usage',
      `"${word}" may be ${found.map(person => `${clean(person.name)} (id:${person.id})`).join(' or ')}. Say which: id:<directory id>.`,
    );
  }
  const [person] = found;
  if (!person) return asId;
  return { workflowId: ids.offboarding(person.id), who: `${clean(person.name)} (id:${person.id})` };
}

/** The offboarding itself; of several runs of one person the newest, also where Temporal has forgotten it. */
export async function offboardingNamed(reach: Reach, given: string): Promise<string> {
  const { trail } = await reach.store();
  if (isOffboardingId(given)) {
    if (await trail.known(given.toLowerCase())) return given.toLowerCase();
    throw new Problem('not-found', `The store knows no offboarding ${given}.`);
  }
  const { workflowId, who } = await workflowOf(reach, given);
  const [newest] = await trail.ofWorkflow(workflowId);
  if (newest) return newest.offboarding;
  throw new Problem('not-found', `The store knows no offboarding of ${who}.`);
}

export async function onePerson(reach: Reach, who: string): Promise<Person> {
  const found = await reach.findPeople(queryOf(who));
  if (found.length === 1) return found[0]!;
  if (found.length === 0)
    throw new Problem(
      'not-found',
      `Nobody in the directory is "${who}". Check the spelling, or name the person as id:<directory id>.`,
    );
  throw new Problem(
    'usage',
    `"${who}" fits ${found.length} people: ${found.map(person => `${clean(person.name)} (id:${person.id})`).join(', ')}. Name one of them by id.`,
  );
}

async function byOffboardingId(reach: Reach, offboarding: string): Promise<LiveRun> {
  const known = await (await reach.store()).trail.known(offboarding);
  if (!known?.workflow) {
    throw new Problem(
      'not-found',
      `The store knows no offboarding ${offboarding}. "handover list" shows the runs; name one as ${(await idsHere(reach)).offboarding('<directory id>')}.`,
    );
  }
  const newest = await describe(reach, known.workflow);
  if (newest?.offboardingId === offboarding) return newest;
  const temporal = await reach.temporal();
  const query = `WorkflowId = "${known.workflow}"`;
  for await (const run of temporal.workflow.list({ query })) {
    const kind = KINDS[run.type];
    if (kind && run.memo?.offboardingId === offboarding)
      return {
        kind,
        workflowId: run.workflowId,
        runId: run.runId,
        status: run.status.name,
        offboardingId: offboarding,
      };
  }
  throw new Problem(
    'not-found',
    `Temporal no longer knows offboarding ${offboarding}: its retention is over. Ask the archive with "handover audit ${offboarding}".`,
  );
}

/** The newest run under a workflow id; null when Temporal knows none. */
export async function describe(reach: Reach, workflowId: string): Promise<LiveRun | null> {
  const temporal = await reach.temporal();
  try {
    const run = await reach.ask(() => temporal.workflow.getHandle(workflowId).describe());
    const kind = KINDS[run.type];
    if (!kind) {
      throw new Problem(
        'usage',
        `${workflowId} is a "${run.type}", not an offboarding: name it as ${(await idsHere(reach)).offboarding('<directory id>')}.`,
      );
    }
    return {
      kind,
      workflowId,
      runId: run.runId,
      status: run.status.name,
      offboardingId: typeof run.memo?.offboardingId === 'string' ? run.memo.offboardingId : null,
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
