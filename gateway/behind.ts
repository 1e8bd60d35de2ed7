/**
 * What stands behind the gateway: Temporal, the store, and workers that answer for the systems. An interface,
 * so that everything in front of it is tested without them.
 */
import { type Client, isGrpcServiceError, WorkflowUpdateFailedError } from '@temporalio/client';
import { gather } from '../client/audit/evidence.js';
import type { Happening } from '../client/audit/history.js';
import { type MovedPage, movedIn } from '../client/audit/moved.js';
import { timeline } from '../client/audit/timeline.js';
import { inquire } from '../client/inquire.js';
import { Problem, problemOf } from '../client/problem.js';
import { type Glance, type Listed, Offboardings, type Unanswered } from '../client/runs.js';
import { type Ids, kindOf } from '../domain/ids.js';
import type { Inquiry } from '../domain/inquiry.js';
import type { Plan } from '../domain/plan.js';
import type { Config } from '../runtime/config.js';
import type { Deliveries } from '../store/deliveries.js';
import type { Logouts } from '../store/logouts.js';
import type { Store } from '../store/store.js';
import {
  type DecisionAnswer,
  GIVE_BACK,
  OFFBOARD_USER,
  type RequestAnswer,
  type State,
  SWEEP_STRAGGLERS,
} from '../workflows/messages.js';

/** A decision that could only be sent: its verdict will stand in the run. */
export interface Sent {
  verdict: 'sent';
  sentence: string;
}

export interface Behind {
  readonly ids: Ids;
  readonly deliveries: Deliveries;
  readonly logouts: Logouts;
  start(request: unknown, id: string): Promise<RequestAnswer | Unanswered>;
  decide(
    workflowId: string,
    name: string,
    payload: unknown,
    id: string,
  ): Promise<DecisionAnswer | Unanswered | Sent>;
  /** Leaves it with the run, for whenever a worker comes to it. */
  leave(workflowId: string, name: string, payload: unknown): Promise<void>;
  list(query: string): AsyncIterable<Listed>;
  /** Of an offboarding or what comes after one. */
  status(workflowId: string): Promise<State>;
  glance(workflowId: string): Promise<Glance>;
  /** The id of the newest run under a workflow id: what a statement names, and what its trail is kept under. */
  offboardingOf(workflowId: string): Promise<string>;
  /** The workflow id that an offboarding ran under. */
  workflowOf(offboarding: string): Promise<string>;
  /** Throws a `Problem` where there is no answer. */
  ask<T>(inquiry: Inquiry): Promise<T>;
  audit(offboarding: string): Promise<Happening[]>;
  /** Every revision of the plan, oldest first. */
  plans(offboarding: string): Promise<{ plan: Plan; made: string }[]>;
  /** What moved to whom. */
  moved(offboarding: string, page: { after: number; limit: number }): Promise<MovedPage>;
  /** The closing document and its addenda, oldest first. */
  certificates(offboarding: string): Promise<{ number: number; digest: string; at: string; body: unknown }[]>;
  /** What is out of reach, as sentences; empty = everything answers. */
  ailments(): Promise<string[]>;
}

/** What is decided about. */
const OURS: readonly string[] = [OFFBOARD_USER, SWEEP_STRAGGLERS, GIVE_BACK];

/** A person waits for the answer. */
const PATIENCE_MS = 15_000;

export function behindOf(temporal: Client, store: Store, config: Config): Behind {
  const { taskQueue } = config.temporal;
  const offboardings = new Offboardings(temporal, taskQueue, config.installation);
  const { ids } = offboardings;
  const within = <T>(ms: number, call: () => Promise<T>): Promise<T> =>
    temporal.connection.withDeadline(Date.now() + ms, call);

  return {
    ids,
    deliveries: store.deliveries,
    logouts: store.logouts,
    start: (request, id) => offboardings.ask(request, { id, timeoutMs: PATIENCE_MS }),
    async decide(workflowId, name, payload, id) {
      try {
        return await offboardings.decide(workflowId, name, payload, { id, timeoutMs: PATIENCE_MS });
      } catch (error) {
        if (!isOverfull(error)) throw error;
        // A run takes ten updates at once and two thousand in all; signals have room beside them.
        await this.leave(workflowId, name, payload);
        const sentence = `The run has more decisions under way than it answers at once: "${name}" was left with it, and its verdict will stand in the run.`;
        return { verdict: 'sent', sentence };
      }
    },
    leave: (workflowId, name, payload) =>
      within(PATIENCE_MS, () => offboardings.tell(workflowId, name, payload)),
    list: query => offboardings.list(query),
    status: workflowId =>
      within<State>(PATIENCE_MS, () => {
        const kind = kindOf(ids, workflowId);
        if (kind === 'sweep') return offboardings.sweep(workflowId);
        return kind === 'give-back' ? offboardings.giveBack(workflowId) : offboardings.status(workflowId);
      }),
    glance: workflowId => within(PATIENCE_MS, () => offboardings.glance(workflowId)),
    async offboardingOf(workflowId) {
      const run = await within(PATIENCE_MS, () => offboardings.handle(workflowId).describe()).catch(
        unlessForgotten,
      );
      const id = run && OURS.includes(run.type) ? run.memo?.offboardingId : undefined;
      if (typeof id === 'string') return id;
      const [newest] = await store.trail.ofWorkflow(workflowId);
      if (newest) return newest.offboarding;
      throw new Problem('not-found', `There is no offboarding under ${workflowId}.`);
    },
    async workflowOf(offboarding) {
      const known = await store.trail.known(offboarding);
      if (known?.workflow) return known.workflow;
      throw new Problem('not-found', `The store knows no offboarding ${offboarding}.`);
    },
    ask: inquiry =>
      inquire(
        { temporal, taskQueue, ids, inquiries: store.inquiries },
        inquiry,
        inquiry.ask === 'person' || inquiry.ask === 'called' ? PATIENCE_MS : undefined,
      ),
    async audit(offboarding) {
      const known = await store.trail.known(offboarding);
      if (!known) throw new Problem('not-found', `The store knows no offboarding ${offboarding}.`);
      return timeline(await gather(store, known, async () => temporal));
    },
    plans: offboarding => store.plans.all(offboarding),
    moved: (offboarding, page) => movedIn(store, offboarding, page),
    async certificates(offboarding) {
      const rows = await store.trail.certificates(offboarding);
      return rows.map(({ number, digest, at, body }) => ({
        number,
        digest,
        at,
        body: body === null ? null : JSON.parse(body),
      }));
    },
    async ailments() {
      const said = (what: string) => (error: Error) => `${what} does not answer: ${error.message}`;
      const asked = await Promise.all([
        store.ping().then(() => null, said('The store')),
        within(3_000, () => temporal.workflowService.getSystemInfo({})).then(() => null, said('Temporal')),
      ]);
      return asked.filter(one => one !== null);
    },
  };
}

/** gRPC 8 (RESOURCE_EXHAUSTED) is what Temporal says to an update too many. */
function isOverfull(error: unknown): boolean {
  const cause =
    error instanceof WorkflowUpdateFailedError || !isGrpcServiceError(error)
      ? (error as { cause?: unknown }).cause
      : error;
  return isGrpcServiceError(cause) && Number(cause.code) === 8;
}

/** For `catch`: null where nobody knows of it. Neither Temporal nor the directory keeps everybody for ever. */
export function unlessForgotten(error: unknown): null {
  if (problemOf(error).kind === 'not-found') return null;
  throw error;
}
