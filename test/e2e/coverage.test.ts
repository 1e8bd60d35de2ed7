/**
 * What is in no catalog is in no inventory either: as long as a place that can hold a person is classified by
 * nobody, the leaver is not switched off, by name, and the words that classify it void no approval.
 */
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Config } from '../../runtime/config.js';
import {
  agree,
  atRest,
  decide,
  ended,
  handOver,
  mail,
  must,
  planned,
  start,
  statesOf,
  waitFor,
} from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';

/** Done once, in the middle of the next steps. */
let meanwhile: (() => Promise<void>) | null = null;

const dir = await mkdtemp(join(tmpdir(), 'handover-coverage-'));
const catalog = join(dir, 'desk.yaml');
await copyFile('test/small-world/desk.yaml', catalog);
const ORIGINAL = await readFile(catalog, 'utf8');
let config: Config;

const small = useSmallWorld({
  change: given => {
    config = given;
    given.systems.desk!.catalog = catalog;
  },
  wrap: activities => ({
    ...activities,
    async runSteps(input: Parameters<typeof activities.runSteps>[0]) {
      const now = meanwhile;
      meanwhile = null;
      await now?.();
      return activities.runSteps(input);
    },
  }),
});

beforeEach(() => writeFile(catalog, ORIGINAL));
afterEach(async () => {
  await small.db.desk.query('drop table if exists public.reports');
  config.policy.coverage = 'required';
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const PLACE = 'public.reports.owner_id';

/** Somebody adds a table with people in it. */
async function reports(): Promise<void> {
  await small.db.desk.query(
    'create table public.reports (id int primary key, name text, owner_id integer references public.agents)',
  );
}

/** Somebody classifies it. */
const classify = (): Promise<void> =>
  writeFile(
    catalog,
    `${ORIGINAL.trimEnd()}\n  - { table: public.reports, column: owner_id, reason: "reports are nobody's work" }\n`,
  );

async function certificate(): Promise<{ coverage: Record<string, Record<string, unknown>> }> {
  const { rows } = await small.db.store.query(
    'select body from handover.certificates join handover.certificate_bodies using (offboarding, number) order by at desc limit 1',
  );
  return JSON.parse(rows[0].body);
}

describe('a place that nobody has classified', () => {
  test('keeps the plan from being made, by name, with its evidence and the line that classifies it; then it is made', async () => {
    await reports();
    const started = await start(small);
    const asked = await planned(small, started);
    expect(asked).toMatchObject({
      state: 'needs-correction',
      findings: [{ code: 'place-unclassified', system: 'desk' }],
    });
    const { message } = asked.findings[0]!;
    expect(message).toContain(`${PLACE} (a foreign key to public.agents.id, on delete no action`);
    expect(message).toContain('acknowledged: - { table: public.reports, column: owner_id, reason:');
    await classify();
    await must(small, started, 'retry', 'olivia');
    const again = await waitFor(small, started, ({ state }) => state === 'awaiting-approval');
    expect(again.coverage?.desk).toMatchObject({ kind: 'read', open: [], acknowledged: 1 });
  });

  test('that appears before execution opens the approval again', async () => {
    const started = await start(small);
    await planned(small, started);
    await reports();
    await agree(small, started);
    const status = await atRest(small, started);
    expect(status).toMatchObject({ state: 'needs-correction', started: false });
    expect(status.findings[0]!.message).toContain(PLACE);
  });

  test('that appears during execution parks only the switch, and goes on under the same approval once it is classified', async () => {
    const started = await start(small);
    await planned(small, started);
    meanwhile = reports;
    await agree(small, started);
    const parked = await ended(small, started);
    expect(parked.state).toBe('needs-attention');
    const states = statesOf(parked);
    expect(
      Object.entries(states).filter(([id, state]) => !id.endsWith('/deactivate') && state !== 'completed'),
    ).toEqual([]);
    expect(parked.steps['desk/deactivate']).toMatchObject({
      state: 'failed',
      message: expect.stringContaining(PLACE),
    });
    await classify();
    await must(small, started, 'retry', 'olivia');
    const done = await ended(small, started);
    expect(done).toMatchObject({ state: 'closed', outcome: 'completed', revision: 1 });
    expect((await certificate()).coverage.desk).toMatchObject({
      policy: 'required',
      kind: 'read',
      open: [],
      acknowledged: 1,
    });
  });

  test.each(['preview', 'execute-only'])('is only said in a run that switches nobody off: %s', async mode => {
    await reports();
    const started = await start(small, { mode });
    const status = await planned(small, started);
    expect(status.findings).toEqual([]);
    expect(status.coverage?.desk).toMatchObject({ open: [{ place: PLACE }] });
    if (status.state !== 'closed') await decide(small, started, 'cancel', 'olivia');
  });

  test('is allowed where the policy calls coverage advisory, and the certificate says so', async () => {
    await reports();
    config.policy.coverage = { desk: 'advisory' };
    const { status } = await handOver(small);
    expect(status).toMatchObject({ state: 'closed', outcome: 'completed' });
    const { coverage } = await certificate();
    expect(coverage.desk).toMatchObject({ policy: 'advisory', open: [{ place: PLACE }] });
    expect(coverage.desk!.says).toContain(
      `1 of 4 places that can hold a person is in no catalog, which the policy allows: ${PLACE}`,
    );
    expect(coverage.crm).toMatchObject({ policy: 'required', open: [] });
  });
});

test('a leaver whose whole system is covered is told so where people approve', async () => {
  const started = await start(small);
  await planned(small, started);
  const { coverage } = await small.world.offboardings.status(started.run);
  expect(coverage).toMatchObject({
    crm: { kind: 'read', places: 8, acknowledged: 1, open: [] },
    desk: { kind: 'read', places: 3, open: [] },
  });
  expect(mail(small, 'alice')).not.toBe('');
});
