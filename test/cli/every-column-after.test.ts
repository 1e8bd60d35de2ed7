/**
 * The same of what came after an offboarding, a give-back and a sweep: their rows are evidence as much as those
 * of the run before them, and an audit of that run names whatever is done to them, and says of what.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gather } from '../../client/audit/evidence.js';
import { type Verdict, verify } from '../../client/audit/verify.js';
import { cover } from '../e2e/covers.js';
import { land, long, sweepOf } from '../e2e/sweeps.js';
import { handOver, mail, type Started } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { CANNOT_BE_KNOWN, changeEveryColumn, settled, type Tampering, takeEveryRow } from './tampering.js';

const small = useSmallWorld({ once: true, check: false, change: long });
let client: pg.Client;
/** Made before anything is done to the tables. */
const made: Partial<Record<'give-back' | 'sweep', After>> = {};

const { order, times, unnamed, another } = CANNOT_BE_KNOWN;
// Of another offboarding's rows only a second one under the workflow id is seen by whoever audits the run.
const head = [/^audit_heads copied$/, another[1]] as const;

beforeAll(async () => {
  made['give-back'] = await givenBack();
  made.sweep = await swept();
  client = new pg.Client({ connectionString: small.world.urls.store });
  await client.connect();
});
afterAll(() => client?.end());

/** What came after a run, and of which it has no rows. */
type After = Started & { id: string; without: string[] };

/** Alice is away, Maya covers, and all of it goes back. */
async function givenBack(): Promise<After> {
  await small.db.desk.query(`grant insert on watchers to ${small.role}`);
  const { back, ...run } = await cover(small);
  await back.send('amend', 'olivia', { giveBackAt: 'now' });
  await back.agree();
  const { giveBackId, outcome } = await back.result();
  expect(outcome).toBe('given-back');
  await archived(run.run, back.id);
  return { ...run, id: giveBackId, without: ['manifest_rounds', 'frozen_keys', 'before_images'] };
}

/** Alice is switched off, and later something lands on her that follows rules, and something that does not. */
async function swept(): Promise<After> {
  const run = await handOver(small);
  const sweep = await sweepOf(small, run.offboardingId);
  const { alice } = small.cast;
  await small.db.desk.query(`insert into team_members values ('late', $1)`, [alice.desk]);
  await small.db.crm.query(`insert into approvals (id, approver_id, subject) values (930001, $1, 'late')`, [
    alice.id,
  ]);
  for (const n of [1, 2, 3, 4, 5, 6]) await land(small, 940_000 + n);
  const { sweepId } = await sweep.until(({ moved, open }) => moved === 7 && open.length === 1);
  const id = small.world.offboardings.ids.sweep(run.offboardingId);
  await small.world.offboardings.decide(id, 'finish', { by: mail(small, 'olivia'), reason: 'enough' });
  await sweep.result();
  await archived(run.run, id);
  return { ...run, id: sweepId, without: ['manifest_rounds'] };
}

async function archived(...workflows: string[]): Promise<void> {
  for (const one of workflows) await small.world.offboardings.archive(one);
}

describe.each(['give-back', 'sweep'] as const)('of a %s', kind => {
  let tampering: Tampering;
  let run: After;
  let shown: string[] = [];

  beforeAll(async () => {
    run = made[kind]!;
    tampering = {
      client,
      id: run.id,
      shown: () => shown,
      audited,
      cannotBeKnown: [order, times, unnamed, head],
      // What these hold is the run's as well, and is looked at there.
      without: ['catalogs', 'overrides', 'certificates', 'certificate_bodies', ...run.without],
      brief: true,
    };
    await audited();
    await settled(tampering);
  });

  async function audited(withTemporal = false): Promise<Verdict> {
    const { store, temporal } = small.world.worker.deps;
    const known = { offboarding: run.offboardingId, workflow: run.run, at: new Date().toISOString() };
    const evidence = await gather(store, known, async () =>
      withTemporal ? temporal : Promise.reject(new Error('away')),
    );
    shown = evidence.afterwards[0]!.shown;
    const verdict = verify(evidence);
    // What was emptied was the run's as well, and a made-up row has an id of its own: one of them at least says
    // of what.
    const [odd] = verdict.breaks;
    if (odd && !verdict.breaks.some(sentence => sentence.includes(` of the ${kind} `)))
      throw new Error(`It does not say of what: ${odd}`);
    return verdict;
  }

  test('it verifies as it is, with Temporal and without', async () => {
    expect(await audited(true)).toMatchObject({ breaks: [], unasked: null });
    expect(await audited()).toMatchObject({ breaks: [] });
  });

  test('every column changed, and swapped between two rows', { timeout: 600_000 }, async () => {
    expect(await changeEveryColumn(tampering)).toEqual([]);
  });

  test('every row taken away or copied, and every table emptied', { timeout: 600_000 }, async () => {
    expect(await takeEveryRow(tampering)).toEqual([]);
  });
});
