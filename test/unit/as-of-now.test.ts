// One attempt of an activity has one idea of the catalogs: what proves that nothing is left also switches off,
// whatever somebody writes into a file between the two.
import { expect, test } from 'vitest';
import { asOfNow, type Deps } from '../../activities/deps.js';

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
