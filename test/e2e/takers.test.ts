/** Who may receive, and what stands in the way of a run, is said when the plan is made: not at its very end. */
import { expect, test } from 'vitest';
import { viewOf } from '../../domain/view.js';
import type { Who } from '../small-world/cast.js';
import { agree, atRest, ended, mail, must, planned, start, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';

const small = useSmallWorld();
const mails = (...who: Who[]): string[] => who.map(one => mail(small, one));

test('a plan that nobody can approve is a finding, and goes on once somebody can', async () => {
  await small.db.crm.query('update people set reviews = (id = $1)', [small.cast.olivia.id]);
  const run = await start(small);
  const status = await planned(small, run);
  expect(status).toMatchObject({ state: 'needs-correction', plan: null, waitingOn: 'correction' });
  expect(status.findings).toMatchObject([
    {
      code: 'approvers-missing',
      message: expect.stringContaining('Nobody can approve this (Olivia Owner asked for it).'),
    },
  ]);
  await small.db.crm.query('update people set reviews = true where id = $1', [small.cast.daniel.id]);
  await must(small, run, 'retry', 'oscar');
  await waitFor(small, run, ({ state }) => state === 'awaiting-approval');
  await agree(small, run, 'daniel');
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});

test('a preview asks nobody, so nobody needs to be there', async () => {
  await small.db.crm.query('update people set reviews = false');
  const run = await start(small, { mode: 'preview' });
  expect(await planned(small, run)).toMatchObject({ outcome: 'previewed', findings: [] });
});

test('a pool goes on without those who cannot take over, and the plan says who and why', async () => {
  await planned(small, await start(small, { user: mail(small, 'carol'), successor: mail(small, 'maya') }));
  // The desk takes the robot for an agent; the directory knows better.
  await small.db.desk.query(`update agents set kind = 'agent' where id = 24`);
  const pool = mails('alice', 'alias', 'carol', 'ines', 'dora', 'robot', 'bob', 'daniel');
  const run = await start(small, { successors: { 'desk/tickets': { 'round-robin': pool } } });
  const status = await planned(small, run);
  expect([status.state, status.findings]).toEqual(['awaiting-approval', []]);
  expect(status.plan!.notes).toEqual([
    'Open tickets (desk/tickets): left out of the pool: Alice Anders is the leaver; ' +
      'Alice Anders (admin) is the leaver; Carol Cole is being offboarded too; Ines Idle is not active; ' +
      'Dora Deskless has no account in Small desk; Sync Robot is a protected account in Small CRM.',
  ]);
  expect(viewOf(status).notes).toEqual(status.plan!.notes);
  const tickets = status.plan!.steps.find(({ id }) => id === 'desk/tickets')!;
  expect(tickets.successors.map(({ label }) => label)).toEqual(['Bob Brook', 'Daniel Approver']);
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});

test.each<[string, Record<string, unknown>, RegExp]>([
  [
    'a pool of nobody who can',
    { 'desk/tickets': { 'round-robin': ['ines@small.example', 'dora@small.example'] } },
    /Nobody of the pool can take over: Ines Idle is not active; Dora Deskless has no account in Small desk/,
  ],
  [
    'a misspelt member of a pool',
    { 'desk/tickets': { 'round-robin': ['bob@small.example', 'bop@small.example'] } },
    /Nobody in Small CRM has the e-mail "bop@small.example"/,
  ],
  [
    'a service user, named alone',
    { desk: 'robot@small.example' },
    /Sync Robot is a protected account in Small desk and takes nothing over/,
  ],
])('%s is a finding', async (_what, successors, says) => {
  const status = await planned(small, await start(small, { successors }));
  expect(status.state).toBe('needs-correction');
  for (const { code, message } of status.findings) {
    expect(code).toBe('successor-refused');
    expect(message).toMatch(says);
  }
});

test('another run that hands over to the leaver is said at planning, and stops this one before its first step', async () => {
  const other = await start(small, { user: mail(small, 'bob'), successor: mail(small, 'alice') });
  await planned(small, other);
  const run = await start(small);
  const status = await planned(small, run);
  const says = `Another offboarding (${other.run}) is to hand items over to this leaver`;
  expect(status.plan!.notes).toEqual([expect.stringContaining(says)]);
  await agree(small, run);
  const parked = await atRest(small, run);
  expect(parked.state).toBe('needs-attention');
  expect(parked.sentence).toContain(`Nothing was handed over. ${says}`);
  expect(Object.values(parked.steps).every(({ changed }) => changed === 0)).toBe(true);
  await must(small, other, 'amend', 'olivia', { successor: mail(small, 'carol') });
  await waitFor(small, other, ({ state, revision }) => state === 'awaiting-approval' && revision === 2);
  await must(small, run, 'retry', 'olivia');
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed', revision: 1 });
});
