/** What a cover leaves behind: shown and decided on the command line, audited, and archived however it ends. */
import { beforeEach, expect, test } from 'vitest';
import { cliOf } from '../cli/cli.js';
import { mail } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { cover, LATER } from './covers.js';

// One of them tampers on purpose.
const small = useSmallWorld({ check: false });

beforeEach(() => small.db.desk.query(`grant insert on watchers to ${small.role}`));

async function archived(giveBackId: string): Promise<string[]> {
  const stored = async () =>
    (await small.db.store.query('select status from handover.archives where offboarding = $1', [giveBackId]))
      .rows;
  await expect
    .poll(
      async () => {
        expect((await small.world.offboardings.archive()).failures).toEqual([]);
        return (await stored()).length;
      },
      { timeout: 20_000, interval: 200 },
    )
    .toBe(1);
  return (await stored()).map(row => row.status as string);
}

test('the command line lists, shows and decides it; the audit holds its chain and its addendum', async () => {
  const { run, back } = await cover(small);
  const cli = await cliOf(small);
  const by = ['--by', mail(small, 'olivia')];
  try {
    expect((await cli('list')).out).toMatch(/\/give-back\/.*waiting +date.*give-back to id:/);
    expect((await cli('status', run)).out).toContain('Gives back 2030-03-31 18:00 Europe/Berlin');
    expect(await cli('pause', back.id, ...by)).toMatchObject({ code: 2 });
    expect(await cli('amend', back.id, '--give-back-at', 'now', ...by)).toMatchObject({ code: 0 });
    const { back: plan } = await back.until(({ state }) => state === 'awaiting-approval');
    const shown = await cli('status', back.id);
    expect(shown.out).toMatch(/Accounts \(crm\/accounts\): \d+ items from Maya Manager/);
    expect((await cli('approve', back.id, '--by', mail(small, 'priya'))).err).toContain('repeat: handover');
    const digest = plan!.digest.slice(0, 12);
    expect(await cli('approve', back.id, digest, '--by', mail(small, 'priya'))).toMatchObject({ code: 0 });
    const { giveBackId } = await back.result();
    expect(await archived(giveBackId)).toEqual(['COMPLETED']);
    const owned = (await cli('moved', back.id, '--json')).json() as { step: string; key: string }[];
    const { key } = owned.find(({ step }) => step === 'crm/accounts')!;
    const { maya, alice } = small.cast;
    const from = `${maya.name} (id:${maya.id})`;
    const past = await cli('who-owned', key, '--category', 'crm/accounts');
    expect(past.out).toContain(`given back by ${from} to ${alice.name} (id:${alice.id})`);
    expect((await cli('moved', back.id)).out).toMatch(/crm\/accounts +\S+ +given back +Alice Anders/);
    const told = await cli('audit', run);
    expect(told.out).toMatch(/addendum 1 to the certificate: \d+ given back after the cover/);
    expect(told.out).toMatch(/given back as given-back/);
    const intact = await cli('audit', run, '--verify');
    expect([intact.code, intact.out + intact.err]).toEqual([0, expect.stringContaining('Verified')]);
    const client = await small.db.store.connect();
    try {
      await client.query(`set session_replication_role = replica`);
      await client.query('update handover.receipts set changed = changed + 1 where offboarding = $1', [
        giveBackId,
      ]);
    } finally {
      await client.query(`set session_replication_role = origin`);
      client.release();
    }
    const broken = await cli('audit', run, '--verify');
    expect([broken.code, broken.out + broken.err]).toEqual([
      expect.any(Number),
      expect.stringContaining(`of the give-back ${giveBackId}`),
    ]);
    expect(broken.code).not.toBe(0);
  } finally {
    await cli.remove();
  }
});

test('one that was terminated is settled, told in an addendum and archived', async () => {
  const { offboardingId, back } = await cover(small);
  const { giveBackId } = await back.status();
  await small.world.offboardings.handle(back.id).terminate('by a test');
  expect(await archived(giveBackId)).toEqual(['TERMINATED']);
  const { rows } = await small.db.store.query(
    'select body from handover.certificate_bodies where offboarding = $1 and number = 1',
    [offboardingId],
  );
  expect(JSON.parse(rows[0].body as string)).toMatchObject({
    giveBack: giveBackId,
    outcome: 'broken-off',
    moved: 0,
  });
});

test('a cover that makes no sense is refused with what to write instead', async () => {
  const ask = (more: object) =>
    small.world.offboardings.request({
      user: mail(small, 'alice'),
      requestedBy: mail(small, 'olivia'),
      giveBackAt: LATER,
      ...more,
    });
  expect(await ask({})).toMatchObject({
    answer: 'not-started',
    reason: expect.stringContaining('it needs "mode": "execute-only"'),
  });
  expect(await ask({ mode: 'execute-only', departure: 'unplanned' })).toMatchObject({
    reason: expect.stringContaining('a cover leaves sign-in as it is'),
  });
  expect(await ask({ mode: 'execute-only', giveBackAt: 'now' })).toMatchObject({ answer: 'not-started' });
});
