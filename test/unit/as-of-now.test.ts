// One attempt of an activity has one idea of the catalogs: what proves that nothing is left also switches off,
// whatever somebody writes into a file between the two.
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { asOfNow, type Deps } from '../../activities/deps.js';
import { createActivities } from '../../activities/index.js';

test('a catalog that is edited between proof and switch does not do the switch', async () => {
  let catalog = 'approved';
  const deps = {
    systems: { names: ['crm'], directory: 'crm', get: async () => ({ catalogDigest: catalog }) },
    rules: async () => ({}),
  } as unknown as Deps;
  const attempt = asOfNow(deps);
  const proves = await attempt.systems.get('crm');
  catalog = 'edited';
  const switches = await attempt.systems.get('crm');
  expect(switches).toBe(proves);
  expect(switches.catalogDigest).toBe('approved');
  // The next attempt sees the edited one, and stops before the proof because it is not the approved one.
  expect((await asOfNow(deps).systems.get('crm')).catalogDigest).toBe('edited');
});

test('an attempt of an activity asks for a catalog once, and the next attempt asks again', async () => {
  const account = { identities: { user: ['17'] }, active: true, blocked: true };
  let asked = 0;
  const connector = {
    title: 'CRM',
    access: { block: 'system' },
    categories: [],
    readAccount: async () => account,
  };
  const deps = {
    systems: {
      names: ['crm'],
      directory: 'crm',
      get: async () => {
        asked++;
        return connector;
      },
    },
    store: {
      // An earlier attempt has blocked the account: what is left is to look whether that is so.
      ledger: { find: async () => ({ state: 'done', effect: { changed: 1 } }) },
      audit: { append: async () => {} },
    },
    patience: {},
  } as unknown as Deps;
  const { blockAccess } = createActivities(deps);
  const attempt = () =>
    new MockActivityEnvironment().run(blockAccess, {
      offboardingId: 'o-1',
      system: 'crm',
      accounts: [account],
      turn: 1,
      leaverId: '17',
      warnings: [],
    });
  expect(await attempt()).toMatchObject({ access: 'blocked' });
  expect(asked).toBe(1);
  await attempt();
  expect(asked).toBe(2);
});
