/** Cover: handed over now, and given back on a date that can be changed, as far as the cover still holds it. */
import { expect, test } from 'vitest';
import { useSmallWorld } from '../small-world/world.js';
import { cover, ownersIn } from './covers.js';

const small = useSmallWorld();

test('what the cover still holds is planned, approved and given back on the date', async () => {
  const before = await ownersIn(small, 'accounts', 'owner_id');
  const { status, back } = await cover(small);
  expect(status).toMatchObject({
    outcome: 'completed',
    sentence: expect.stringContaining('as cover until 2030-03-31 18:00 Europe/Berlin'),
  });
  const between = await ownersIn(small, 'accounts', 'owner_id');
  const moved = [...before].filter(([key, owner]) => between.get(key) !== owner);
  expect(moved.length).toBeGreaterThan(2);
  expect(await back.status()).toMatchObject({ state: 'waiting', due: '2030-03-31T16:00:00.000Z' });
  expect(await back.send('amend', 'olivia', { giveBackAt: 'now' })).toMatchObject({ verdict: 'accepted' });
  await back.agree();
  const after = await back.result();
  expect(after).toMatchObject({ state: 'closed', outcome: 'given-back', addenda: [1] });
  expect(await ownersIn(small, 'accounts', 'owner_id')).toEqual(before);
});
