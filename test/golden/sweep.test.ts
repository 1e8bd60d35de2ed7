/**
 * What comes after the switch without a word in the configuration: a sweep, drawn at its rests. Its own first round
 * is a day away, so each of these begins when somebody asks for it.
 */
import { expect, test } from 'vitest';
import { policySchema } from '../../domain/policy.js';
import { land, sweepOf } from '../e2e/sweeps.js';
import { handOver, mail } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { Album } from './pictures.js';

const small = useSmallWorld({
  change: config => {
    config.policy.sweep = policySchema.parse({}).sweep;
  },
});

test('swept: begun, caught something and asks people, stopped by an operator', async () => {
  const album = new Album('swept');
  const { offboardingId, status } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  const begun = await sweep.until(now => now.due !== null);
  expect(Date.parse(begun.due!) - Date.parse(begun.began)).toBe(86_400_000);
  album.addSweep('begun', begun);
  await land(small, 995_001);
  await small.db.crm.query(`insert into approvals (id, approver_id, subject) values (995002, $1, 'late')`, [
    small.cast.alice.id,
  ]);
  const { offboardings } = small.world;
  const decide = (name: string, more: Record<string, unknown> = {}) =>
    offboardings.decide(offboardings.ids.sweep(offboardingId), name, { by: mail(small, 'olivia'), ...more });
  expect(await decide('retry')).toMatchObject({ verdict: 'accepted' });
  album.addSweep('caught, and asks', await sweep.until(now => now.moved === 1 && now.state === 'waiting'));
  expect(await decide('acknowledge', { category: 'crm/approvals' })).toMatchObject({ verdict: 'accepted' });
  expect(await decide('finish', { reason: 'they come back on Monday' })).toMatchObject({
    verdict: 'accepted',
  });
  album.addSweep('stopped', await sweep.result());
  expect(status.outcome).toBe('completed');
  album.compare();
});
