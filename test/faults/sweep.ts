/**
 * After the switch: things land on the leaver while servers and workers die in the sweep's rounds. Each must be
 * found once, and the sweep end when people say so.
 */
import { randomUUID } from 'node:crypto';
import type { Sweep } from '../../domain/sweep.js';
import type { Finding, Struck } from './checks.js';
import type { FaultWorld } from './fault-world.js';
import { pause, strike } from './faults.js';
import { insist } from './operator.js';
import { describe, type SweepSchedule } from './schedule.js';

export interface Swept {
  landed: number;
  moved: number;
  rounds: number;
  faults: Struck[];
  findings: Finding[];
}

/** From the first straggler to the end of the sweep. @param offboardingId of the run that has switched somebody off */
export async function sweepThrough(
  world: FaultWorld,
  schedule: SweepSchedule,
  offboardingId: string,
  deadline: number,
): Promise<Swept> {
  const id = world.offboardings.ids.sweep(offboardingId);
  const status = (): Promise<Sweep> =>
    insist(deadline, 'the status of the sweep', () =>
      world.temporal.connection.withDeadline(Date.now() + 5_000, () =>
        world.offboardings.handle(id).query<Sweep>('status'),
      ),
    );
  const over = (): boolean => Date.now() > deadline;
  const keys = schedule.pauses.map((_, n) =>
    String(BigInt(world.cast.alice.id) * 100n + 90_000_000n + BigInt(n)),
  );
  const landing = landAll(world, keys, schedule.pauses, deadline);
  const struck: Struck[] = [];
  let round = 0;
  for (const fault of schedule.faults) {
    // In the middle of the work: something was handed over before, and each strikes another round.
    let before = 0;
    for (;;) {
      const now = await status();
      before = await receiptsOf(world, deadline);
      if ((before > 0 && now.state === 'sweeping' && now.round > round) || over()) {
        round = now.round;
        break;
      }
      await pause(20);
    }
    const proof = await strike(world, { ...fault, at: 1 }, id, over);
    struck.push({ fault: `sweep: ${describe({ ...fault, at: 1 })}`, receipts: [before, 0], ...proof });
  }
  await landing;
  const last = String(BigInt(keys.at(-1)!) + 1n);
  await landAll(world, [last], [0], deadline);
  const all = [...keys, last];
  while ((await stillTheirs(world, all, deadline)) > 0 && !over()) await pause(100);
  const decision = { by: world.cast.olivia.email, reason: 'the schedule is over' };
  const command = randomUUID();
  await insist(deadline, 'the end of the sweep', async () => {
    const answer = await world.offboardings.decide(id, 'finish', decision, { id: command, timeoutMs: 5_000 });
    return answer.verdict === 'accepted' ? answer : null;
  });
  const ended = await insist(deadline, 'the result of the sweep', () =>
    world.temporal.connection.withDeadline(
      Date.now() + 30_000,
      () => world.offboardings.handle(id).result() as Promise<Sweep>,
    ),
  );
  const receipts = await receiptsOf(world, deadline);
  for (const one of struck) one.receipts[1] = receipts;
  const findings: Finding[] = [];
  if (ended.outcome !== 'finished')
    findings.push({ invariant: 'I12', message: `the sweep ended as ${ended.outcome}: ${ended.sentence}` });
  if (ended.moved !== all.length)
    findings.push({
      invariant: 'I6',
      message: `${all.length} landed on the leaver, the sweep says ${ended.moved}`,
    });
  for (const { fault, happened, seen } of struck)
    if (!happened)
      findings.push({
        invariant: 'I14',
        message: `"${fault}" did not really happen: ${JSON.stringify(seen)}`,
      });
  if (struck.every(({ receipts: [first, then] }) => then <= first))
    findings.push({ invariant: 'I14', message: 'nothing was handed over after a fault of the sweep' });
  return { landed: all.length, moved: ended.moved, rounds: ended.round, faults: struck, findings };
}

/** Each once, also where the answer was lost. */
async function landAll(
  { db, cast }: FaultWorld,
  keys: readonly string[],
  pauses: readonly number[],
  deadline: number,
): Promise<void> {
  for (const [n, key] of keys.entries()) {
    await pause(pauses[n] ?? 0);
    await insist(deadline, 'a straggler', () =>
      db.crm.query(
        `insert into public.accounts (id, name, owner_id, region) values ($1, 'A straggler', $2, 'emea') on conflict do nothing`,
        [key, cast.alice.id],
      ),
    );
  }
}

async function stillTheirs(
  { db, cast }: FaultWorld,
  keys: readonly string[],
  deadline: number,
): Promise<number> {
  const { rows } = await insist(deadline, 'the stragglers', () =>
    db.crm.query('select count(*)::int as n from public.accounts where id = any($1) and owner_id = $2', [
      keys,
      cast.alice.id,
    ]),
  );
  return rows[0].n as number;
}

/** Of sweeps, committed or pending. */
async function receiptsOf({ db }: FaultWorld, deadline: number): Promise<number> {
  const { rows } = await insist(deadline, 'the receipts of the sweep', () =>
    db.store.query(
      `select count(*)::int as n from handover.receipts r join handover.offboardings o on o.id = r.offboarding where o.workflow like '%sweep/%'`,
    ),
  );
  return rows[0].n as number;
}
