/** `handover discover`: what a catalog leaves out by name, and a first draft for a connection nobody configured. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useSmallWorld } from '../small-world/world.js';
import { type Cli, cliOf } from './cli.js';

const small = useSmallWorld({ once: true });
let cli: Cli;
beforeAll(async () => {
  cli = await cliOf(small);
});
afterAll(() => cli?.remove());

test('nothing is missing from a complete catalog; a column that is added is, by name and with the line for it', async () => {
  const before = await cli('discover', 'desk', '--json');
  expect(before).toMatchObject({ code: 0, err: expect.stringContaining('3 of 3 columns') });
  await small.world.db.desk!.query(
    'CREATE TABLE public.reports (id int PRIMARY KEY, name text, owner_id int)',
  );
  const after = await cli('discover', 'desk');
  expect(after.code).toBe(7);
  expect(after.out).toContain('table: public.reports');
  expect(after.out).toContain('owner: { column: owner_id }');
  expect(after.out).not.toContain('public.tickets');
  const [json] = (await cli('discover', 'desk', '--json')).json();
  const places = json!.places as { place: string; classified: boolean }[];
  expect(places.filter(one => !one.classified).map(one => one.place)).toEqual(['public.reports.owner_id']);
});

test('a connection by its variable or its URL becomes a first catalog', async () => {
  for (const given of ['SMALL_DESK_URL', small.world.urls.desk!]) {
    const { code, out, err } = await cli('discover', given);
    expect(code).toBe(0);
    expect(out).toContain('table: public.agents');
    expect(err).toContain('people are public.agents');
  }
});

test('what it cannot use it says: an unknown system, an unset variable, a table that is not there', async () => {
  expect(await cli('discover', 'dsk')).toMatchObject({
    code: 2,
    err: expect.stringContaining('it has desk, crm'),
  });
  expect(await cli('discover', 'NO_SUCH_URL')).toMatchObject({
    code: 2,
    err: expect.stringContaining('NO_SUCH_URL is not set'),
  });
  expect(await cli('discover', 'SMALL_DESK_URL', '--people', 'public.agent')).toMatchObject({
    code: 2,
    err: expect.stringContaining('did you mean public.agents'),
  });
  expect(await cli('discover', 'SMALL_DESK_URL', '--leaver', 'nobody@example.com')).toMatchObject({
    code: 2,
    err: expect.stringContaining('Nobody in public.agents'),
  });
});
