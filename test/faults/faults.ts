/** Does what a schedule says to the world, and brings home the proof that it really happened (I14). */
import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import pg from 'pg';
import { hostile } from './directed/messages.js';
import type { DatabaseName, FaultWorld } from './fault-world.js';
import type { Link } from './link.js';
import type { Fault, LinkName } from './schedule.js';

/** What was seen of a fault. */
export interface Proof {
  happened: boolean;
  /** Figures behind the verdict. */
  seen: Record<string, unknown>;
}

/** `over`: the run has ended, and what has not struck by now never will. */
export async function strike(
  world: FaultWorld,
  fault: Fault,
  run: string,
  over: () => boolean,
): Promise<Proof> {
  switch (fault.kind) {
    case 'kill-worker':
      return killWorker(world, fault.downMs);
    case 'stop-worker':
      return stopWorker(world, fault.extraMs, run);
    case 'kill-postgres':
    case 'restart-postgres':
      return killPostgres(world, fault.downMs, fault.kind === 'kill-postgres');
    case 'kill-temporal':
      return killTemporal(world, fault.downMs);
    case 'cut-commit':
      return cutCommit(world, fault, over);
    case 'hold-link': {
      const link = await inUse(world, fault.link, over);
      const held = link.hold();
      await pause(fault.ms);
      // Holding what nobody sends proves nothing: the worker may be dead just now.
      while (link.held() === 0 && !over()) await pause(10);
      const bytes = link.release();
      return { happened: held > 0 && bytes > 0, seen: { held, bytes } };
    }
    case 'reset-link': {
      const broken = (await inUse(world, fault.link, over)).reset();
      return { happened: broken > 0, seen: { broken } };
    }
    case 'terminate-sessions':
      return terminateSessions(world);
    case 'flood':
      return sendAll(
        world,
        run,
        times(fault.count, n => ['no-such-message', { by: `nobody-${n % 7}` }]),
      );
    case 'send-hostile':
      return sendAll(
        world,
        run,
        fc.sample(hostile, { seed: fault.draw, numRuns: fault.count }).map(one => [one.name, one.payload]),
      );
    case 'send-big':
      return sendAll(
        world,
        run,
        times(fault.count, () => ['approve', { by: 'x'.repeat(1_900_000) }]),
      );
    case 'reset-run':
      return resetRun(world, run, fault.back);
  }
}

/**
 * A link with connections: whoever just lost a server has none for a moment, and nothing could be taken from
 * them.
 */
async function inUse({ links }: FaultWorld, name: LinkName, over: () => boolean): Promise<Link> {
  while (links[name].connections() === 0 && !over()) await pause(10);
  return links[name];
}

async function killWorker({ fleet }: FaultWorld, downMs: number): Promise<Proof> {
  const exits = await fleet.killAll();
  await pause(downMs);
  await fleet.start();
  return {
    happened: exits.length > 0 && exits.every(exit => exit.signal === 'SIGKILL'),
    seen: { killed: exits.length },
  };
}

/**
 * The stopped worker's activity is given to another one while the first still holds its transactions; then
 * both are at it.
 */
async function stopWorker(world: FaultWorld, extraMs: number, run: string): Promise<Proof> {
  const { fleet } = world;
  const [victim] = fleet.living();
  if (!victim) return { happened: false, seen: { why: 'no worker was alive' } };
  const before = await attemptsOf(world, run);
  victim.kill('SIGSTOP');
  const started = Date.now();
  await fleet.start();
  // Until Temporal has given the silent attempt up, and a second one has begun.
  let attempts = before;
  while (Date.now() - started < 40_000) {
    attempts = await attemptsOf(world, run);
    if (attempts.state === 'none' || attempts.attempt > before.attempt || attempts.id !== before.id) break;
    await pause(50);
  }
  const outlived = victim.exit() === null;
  await pause(extraMs);
  victim.kill('SIGCONT');
  const takenOver = attempts.attempt > before.attempt || attempts.id !== before.id;
  return { happened: outlived && takenOver, seen: { stoppedMs: Date.now() - started, before, attempts } };
}

interface Attempts {
  id: string;
  attempt: number;
  state: 'none' | 'pending';
}

async function attemptsOf({ offboardings }: FaultWorld, run: string): Promise<Attempts> {
  const none: Attempts = { id: '', attempt: 0, state: 'none' };
  try {
    const { raw } = await offboardings.handle(run).describe();
    const [activity] = raw.pendingActivities ?? [];
    return activity
      ? { id: activity.activityId ?? '', attempt: activity.attempt ?? 0, state: 'pending' }
      : none;
  } catch {
    return none;
  }
}

async function killPostgres({ servers }: FaultWorld, downMs: number, hard: boolean): Promise<Proof> {
  const { postgres } = servers;
  const before = postgres.pid();
  await (hard ? postgres.kill() : postgres.shutDown());
  await pause(downMs);
  const after = await postgres.start();
  const started = await once(postgres.url('postgres'), 'select pg_postmaster_start_time() as at');
  return { happened: after !== before, seen: { before, after, started: started[0]?.at } };
}

async function killTemporal({ servers }: FaultWorld, downMs: number): Promise<Proof> {
  const { temporal } = servers;
  const before = temporal.pid();
  await temporal.kill();
  await pause(downMs);
  const after = await temporal.start();
  return { happened: after !== before, seen: { before, after } };
}

async function cutCommit(
  { links }: FaultWorld,
  fault: Fault & { kind: 'cut-commit' },
  over: () => boolean,
): Promise<Proof> {
  const cuts = [];
  for (let n = 0; n < fault.times; n++) {
    const cutting = links[fault.link].cut(n === 0 ? fault.nth : 1, fault.answered ? 'swallow' : 'break');
    let cut = await Promise.race([cutting, pause(50)]);
    while (!cut && !over()) cut = await Promise.race([cutting, pause(50)]);
    if (cut) cuts.push({ answered: cut.answered, statement: cut.statement.trim().slice(0, 30) });
  }
  const answered = cuts.filter(cut => cut.answered).length;
  return {
    happened: fault.answered ? answered > 0 : cuts.length > 0,
    seen: { cuts: cuts.length, answered, statement: cuts[0]?.statement },
  };
}

type Letter = [name: string, payload: unknown];

const times = (count: number, of: (n: number) => Letter): Letter[] =>
  Array.from({ length: count }, (_, n) => of(n));

/** Fifty at once. What the server itself does not take (an empty name, say) was not sent. */
async function sendAll(
  { offboardings }: FaultWorld,
  run: string,
  letters: readonly Letter[],
): Promise<Proof> {
  let sent = 0;
  const hands = Array.from({ length: 50 }, async (_, hand) => {
    for (let n = hand; n < letters.length; n += 50)
      await offboardings.tell(run, ...letters[n]!).then(
        () => sent++,
        () => {},
      );
  });
  await Promise.all(hands);
  return { happened: sent > 0, seen: { sent, of: letters.length } };
}

async function resetRun({ temporal, offboardings }: FaultWorld, run: string, back: number): Promise<Proof> {
  const handle = offboardings.handle(run);
  const { runId } = await handle.describe();
  const { events } = await handle.fetchHistory();
  const tasks = (events ?? []).filter(event => event.workflowTaskCompletedEventAttributes);
  const task = tasks[Math.round((tasks.length - 1) * (1 - back))]!;
  await temporal.workflowService.resetWorkflowExecution({
    namespace: temporal.options.namespace,
    workflowExecution: { workflowId: run, runId },
    workflowTaskFinishEventId: task.eventId!,
    requestId: randomUUID(),
    reason: 'somebody wanted to try again',
  });
  return { happened: (await handle.describe()).runId !== runId, seen: { to: String(task.eventId) } };
}

async function terminateSessions({ urls }: FaultWorld): Promise<Proof> {
  let ended = 0;
  for (const name of ['crm', 'desk', 'store'] satisfies DatabaseName[])
    ended += (
      await once(
        urls[name],
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'handover%'`,
      )
    ).length;
  return { happened: ended > 0, seen: { ended } };
}

async function once(connectionString: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({
    connectionString,
    application_name: 'observer',
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', () => {});
  await client.connect();
  return (await client.query(sql).finally(() => client.end())).rows;
}

export function pause(ms: number): Promise<undefined> {
  return new Promise(resolve => setTimeout(() => resolve(undefined), ms));
}
