/**
 * The soak: a town in which people leave all the time, everybody sends messages well and badly, workers,
 * servers and links die, catalogs are edited and rows change; and then a quiet hour in which everything must
 * come to its end and be true.
 *
 *   node --import tsx test/faults/soak/soak.ts <minutes> [seed] [picture.svg]
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { OFFBOARD_USER } from '../../../workflows/messages.js';
import { checkInvariants } from '../../checker/check.js';
import { failedTasks } from '../../small-world/history.js';
import { checkAtRest, checkSecrets, checkStopped, type Finding } from '../checks.js';
import { type Dice, dice } from '../dice.js';
import type { FaultWorld } from '../fault-world.js';
import { pause, strike } from '../faults.js';
import { insist } from '../operator.js';
import { drawFault, type FaultKind } from '../schedule.js';
import { type FaultServers, startFaultServers } from '../servers.js';
import { drawMemory } from './memory.js';
import { type Asked, ask, conclude, drawOrder, meddle, type Sent } from './people.js';
import { foundTown, type Town } from './town.js';

export interface SoakOptions {
  servers: FaultServers;
  minutes: number;
  seed: number;
  /** People who send messages. */
  people?: number;
  /** How many may leave in all; each of them is asked for at least once where time allows. */
  families?: number;
  say?: (line: string) => void;
}

export interface SoakReport {
  seed: number;
  runs: number;
  /** Outcome → how many. */
  outcomes: Record<string, number>;
  sent: Sent;
  faults: Record<string, number>;
  edits: number;
  writes: number;
  /** Resident memory of all living workers together in MiB, and when (ms since the start). */
  memory: { at: number; mib: number }[];
  findings: Finding[];
}

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const {
    servers,
    minutes,
    seed,
    people = 50,
    families = Math.ceil(40 * Math.min(5, minutes)),
    say = () => {},
  } = options;
  const all = dice(seed);
  const town = await foundTown(servers, families);
  const { world } = town;
  const asked = new Map<string, Asked>();
  const open = (): Asked[] => [...asked.values()].slice(-30);
  const report: SoakReport = {
    seed,
    runs: 0,
    outcomes: {},
    sent: { well: 0, badly: 0, unanswered: 0 },
    faults: {},
    edits: 0,
    writes: 0,
    memory: [],
    findings: [],
  };
  const began = Date.now();
  const ends = began + minutes * 60_000;
  const over = (): boolean => Date.now() > ends;
  const watching = watchMemory(world, began, report.memory);
  try {
    await Promise.all([world.fleet.start(), world.fleet.start()]);
    await Promise.all([
      startRuns(town, all.fork(1), over, ends, asked),
      ...Array.from({ length: people }, (_, n) => meddle(world, open, all.fork(100 + n), over, report.sent)),
      strikeNowAndThen(world, all.fork(2), over, report.faults, asked, say),
      editNowAndThen(town, all.fork(3), over, report),
      ...Array.from({ length: 4 }, (_, n) => work(town, n, all.fork(50 + n), over, report)),
    ]);
    say(`${asked.size} runs were asked for; now everything comes to its end.`);
    if (world.fleet.living().length === 0) await world.fleet.start();
    const deadline = Date.now() + 180_000 + minutes * 20_000;
    const seen = [...asked.values()];
    const statuses = await inTurn(seen, 8, one => conclude(world, one, all.fork(4), deadline));
    // Requests whose answer nobody waited for any longer begin when a worker comes to them.
    for (
      let late = await unknownRuns(town);
      late.length > 0 && Date.now() < deadline;
      late = await unknownRuns(town)
    ) {
      seen.push(...late);
      statuses.push(...(await inTurn(late, 8, one => conclude(world, one, all.fork(4), deadline))));
    }
    for (const [n, status] of statuses.entries()) {
      if (status instanceof Error) {
        report.findings.push({ invariant: 'I12', message: status.message });
        await keepRun(world, seen[n]!);
      } else report.outcomes[status.outcome ?? 'none'] = (report.outcomes[status.outcome ?? 'none'] ?? 0) + 1;
      if (n % 50 === 49) say(`${n + 1} of ${statuses.length} have ended`);
    }
    report.runs = seen.length;
    await insist(Date.now() + 120_000, 'a look at what has closed', () => world.offboardings.archive());
    report.findings.push(
      ...(await tasksThatFailed(world, seen)),
      ...(await checkAtRest(world)),
      ...isFlat(report.memory),
    );
    report.findings.push(...(await checkSecrets(world)).findings, ...(await checkStopped(world)));
    report.findings.push(...(await checkInvariants(world.db, town.before)));
    if (report.findings.length > 0) await keepOutputs(world);
    return report;
  } finally {
    clearInterval(watching);
    await town.stop();
  }
}

/** Runs that are open although everything that anybody knows of has ended. */
async function unknownRuns({ world, families }: Town): Promise<Asked[]> {
  const query = `TaskQueue = "${world.taskQueue}" and ExecutionStatus = "Running"`;
  const open: string[] = [];
  for await (const { workflowId, type } of world.temporal.workflow.list({ query }))
    if (type === OFFBOARD_USER) open.push(workflowId);
  return open.flatMap(run => {
    const family = families.find(cast => Object.values(cast).some(({ id }) => run.endsWith(`/${id}`)));
    return family ? { family, run } : [];
  });
}

/** One after the other at a steady pace, so that each family has its turn; a few are asked for twice. */
async function startRuns(
  { world, families }: Town,
  d: Dice,
  over: () => boolean,
  ends: number,
  asked: Map<string, Asked>,
): Promise<void> {
  const every = (ends - Date.now()) / (families.length * 1.1);
  for (let n = 0; !over(); n++) {
    const cast = n < families.length ? families[n]! : d.pick(families);
    // Its answer is not waited for: a server may be away.
    void ask(world, cast, drawOrder(cast, d)).then(
      one => one && asked.set(one.run, one),
      () => null,
    );
    await pause(every * (0.5 + d.next()));
  }
}

const FAULT_EVERY_MS = 15_000;

async function strikeNowAndThen(
  world: FaultWorld,
  d: Dice,
  over: () => boolean,
  faults: Record<string, number>,
  asked: ReadonlyMap<string, Asked>,
  say: (line: string) => void,
): Promise<void> {
  while (!over()) {
    await pause(FAULT_EVERY_MS * (0.5 + d.next()));
    if (over()) return;
    const fault: FaultKind = drawFault(d);
    // A worker that was stopped is judged by one run's attempts, which a town has many of.
    if (fault.kind === 'stop-worker') continue;
    say(fault.kind);
    const [victim] = asked.size > 0 ? [d.pick([...asked.keys()].slice(-20))] : [''];
    await strike(world, { ...fault, at: 0 }, victim, over).then(
      ({ happened }) => {
        if (happened) faults[fault.kind] = (faults[fault.kind] ?? 0) + 1;
      },
      () => {},
    );
    if (world.fleet.living().length < 2) await world.fleet.start().catch(() => {});
  }
}

async function editNowAndThen(
  town: Town,
  d: Dice,
  over: () => boolean,
  report: { edits: number },
): Promise<void> {
  while (!over()) {
    await pause(d.whole(8_000, 20_000));
    await town.editCatalog();
    report.edits++;
  }
}

/** Others take, give and edit what the leavers have. */
async function work(
  { world, families }: Town,
  n: number,
  d: Dice,
  over: () => boolean,
  report: { writes: number },
): Promise<void> {
  while (!over()) {
    const { alice, bob, carol } = d.pick(families);
    const [sql, values] = d.pick<[string, unknown[]]>([
      [
        'update public.accounts set owner_id = $2 where id = (select id from public.accounts where owner_id = $1 limit 1) and owner_id = $1',
        [alice.id, carol.id],
      ],
      [
        'update public.accounts set owner_id = $2 where id = (select id from public.accounts where owner_id = $1 limit 1) and owner_id = $1',
        [bob.id, alice.id],
      ],
      ['update public.accounts set name = $2 where owner_id = $1', [alice.id, `Edited ${d.whole(0, 1e6)}`]],
    ]);
    const client = await world.db.crm.connect().catch(() => null);
    if (client) {
      try {
        await client.query(`set application_name = 'writer-${n}'`);
        await client.query(sql, values);
        await client.query(`set application_name = 'observer'`);
        report.writes++;
        client.release();
      } catch (error) {
        client.release(error as Error);
      }
    }
    await pause(d.whole(100, 600));
  }
}

/** Where HANDOVER_SOAK_KEEP says: the history of a run that ended badly, and what it waited for by then. */
async function keepRun({ temporal }: FaultWorld, { run }: Pick<Asked, 'run'>): Promise<void> {
  if (!KEEP) return;
  const handle = temporal.workflow.getHandle(run);
  const file = join(KEEP, encodeURIComponent(run));
  await writeFile(`${file}.json`, historyToJSON(await handle.fetchHistory()));
  const { raw } = await handle.describe();
  await writeFile(`${file}.now.json`, JSON.stringify(raw, null, 2));
}

/** The same of what the workers have said. */
async function keepOutputs({ fleet }: FaultWorld): Promise<void> {
  if (!KEEP) return;
  for (const worker of fleet.all) await writeFile(join(KEEP, `worker-${worker.pid}.log`), worker.output());
}

const KEEP = process.env.HANDOVER_SOAK_KEEP;

/** A workflow task that fails is a defect, whatever was sent. */
async function tasksThatFailed(world: FaultWorld, all: readonly Asked[]): Promise<Finding[]> {
  const found = await inTurn(all, 8, async ({ run }) => {
    const why = await failedTasks(world.temporal, { run });
    if (why.length > 0) await keepRun(world, { run });
    return why.map(one => ({ invariant: 'I12', message: `${run}: a workflow task failed: ${one}` }));
  });
  return found.flatMap(one => (one instanceof Error ? { invariant: 'I12', message: one.message } : one));
}

function watchMemory(world: FaultWorld, began: number, memory: SoakReport['memory']): NodeJS.Timeout {
  return setInterval(() => {
    const mib = world.fleet.living().map(worker => residentMiB(worker.pid));
    if (mib.length > 0) memory.push({ at: Date.now() - began, mib: Math.max(...mib) });
  }, 2_000).unref();
}

/** Linux says it; elsewhere nobody asks. */
function residentMiB(pid: number): number {
  try {
    const found = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return found ? Math.round(Number(found[1]) / 1024) : 0;
  } catch {
    return 0;
  }
}

/** May grow by that much from the second quarter to the last: caches fill, and the machine collects when it likes. */
const MAY_GROW = { factor: 1.3, mib: 150 };

function isFlat(memory: SoakReport['memory']): Finding[] {
  const quarter = (n: number): number => {
    const part = memory.slice(Math.floor((memory.length * n) / 4), Math.floor((memory.length * (n + 1)) / 4));
    return Math.max(0, ...part.map(one => one.mib));
  };
  const [before, after] = [quarter(1), quarter(3)];
  if (after <= before * MAY_GROW.factor + MAY_GROW.mib) return [];
  return [{ invariant: 'I12', message: `a worker's memory grew from ${before} to ${after} MiB` }];
}

/** All of them, some at a time; an error stands where one failed. */
async function inTurn<T, R>(
  all: readonly T[],
  width: number,
  work: (one: T) => Promise<R>,
): Promise<(R | Error)[]> {
  const results: (R | Error)[] = [];
  const hands = Array.from({ length: width }, async (_, hand) => {
    for (let n = hand; n < all.length; n += width)
      results[n] = await work(all[n]!).catch((error: Error) => error);
  });
  await Promise.all(hands);
  return results;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [minutes, seed, picture] = process.argv.slice(2);
  if (!(Number(minutes) > 0)) {
    console.error('usage: node --import tsx test/faults/soak/soak.ts <minutes> [seed] [picture.svg]');
    process.exit(2);
  }
  const servers = await startFaultServers();
  const report = await soak({
    servers,
    minutes: Number(minutes),
    seed: Number(seed ?? 1),
    say: line => console.log(line),
  }).finally(() => servers.stop());
  if (picture) await writeFile(picture, drawMemory(report.memory));
  const { findings, memory, ...figures } = report;
  console.log(JSON.stringify({ ...figures, peakMiB: Math.max(0, ...memory.map(one => one.mib)) }));
  for (const { invariant, message } of findings) console.log(`${invariant} ${message.slice(0, 2_000)}`);
  process.exit(findings.length > 0 ? 1 : 0);
}
