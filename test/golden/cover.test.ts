/** What comes after a cover, drawn at its rests: its date, its approval, its end with what others had by then. */
import { beforeEach, expect, test } from 'vitest';
import { cover, movedBetween, ownersIn, takeOver } from '../e2e/covers.js';
import { useSmallWorld } from '../small-world/world.js';
import { Album } from './pictures.js';

const small = useSmallWorld();

beforeEach(() => small.db.desk.query(`grant insert on watchers to ${small.role}`));

test('given back: waits for its date, is approved with something left out, parks, and is done', async () => {
  const album = new Album('given-back');
  const before = await ownersIn(small, 'accounts', 'owner_id');
  const { back } = await cover(small);
  const between = await ownersIn(small, 'accounts', 'owner_id');
  const [early, late] = movedBetween(before, between);
  album.addGiveBack('waits for its date', await back.status());
  await takeOver(small, early!, 'bob');
  await back.send('amend', 'olivia', { giveBackAt: 'now' });
  album.addGiveBack('waits for approval', await back.until(({ state }) => state === 'awaiting-approval'));
  await takeOver(small, late!, 'bob');
  await small.db.desk.query(`revoke insert on watchers from ${small.role}`);
  await back.agree();
  album.addGiveBack('parked', await back.until(({ state }) => state === 'needs-attention'));
  await small.db.desk.query(`grant insert on watchers to ${small.role}`);
  expect(await back.send('retry', 'olivia')).toMatchObject({ verdict: 'accepted' });
  await back.agree();
  album.addGiveBack('done', await back.result());
  album.compare();
});

test('called off: rejected, everything stays where it is', async () => {
  const album = new Album('given-back-not');
  const { back } = await cover(small);
  await back.send('amend', 'olivia', { giveBackAt: 'now' });
  const { back: plan } = await back.until(({ state }) => state === 'awaiting-approval');
  await back.send('reject', 'priya', { plan: plan!.digest, note: 'they are away for another month' });
  album.addGiveBack('rejected', await back.result());
  album.compare();
});
