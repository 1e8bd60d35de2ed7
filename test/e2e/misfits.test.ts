/** What `check` refuses is never planned with: the same sentence is a finding of the plan, until it is mended. */
import { afterEach, expect, test } from 'vitest';
import { atRest, must, planned, start, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';

const small = useSmallWorld();

afterEach(() =>
  small.db.desk.query(
    `grant update on public.tickets to ${small.role}; drop function if exists public.note() cascade; drop table if exists public.notes`,
  ),
);

test('a right that is missing keeps the plan from being made, with the sentence that mends it; then it is made', async () => {
  await small.db.desk.query(`revoke update on public.tickets from ${small.role}`);
  const started = await start(small);
  const asked = await planned(small, started);
  expect(asked).toMatchObject({
    state: 'needs-correction',
    findings: [{ code: 'catalog-misfit', system: 'desk' }],
  });
  expect(asked.findings[0]!.message).toMatch(
    /desk\.yaml:\d+:\d+ categories\.tickets\.table: our database role lacks UPDATE on .*: GRANT UPDATE/,
  );
  await small.db.desk.query(`grant update on public.tickets to ${small.role}`);
  await must(small, started, 'retry', 'olivia');
  await waitFor(small, started, ({ state }) => state === 'awaiting-approval');
});

test('what a trigger would be refused is found before anything is moved', async () => {
  await small.db.desk.query(
    `create table public.notes (ticket bigint);
     create function public.note() returns trigger language plpgsql as $$ begin
       insert into notes values (new.id); return new; end $$;
     create trigger note after update on public.tickets for each row execute function public.note()`,
  );
  const status = await atRest(small, await start(small));
  expect(status).toMatchObject({ state: 'needs-correction', findings: [{ code: 'catalog-misfit' }] });
  expect(status.findings[0]!.message).toContain('GRANT INSERT ON "public"."notes"');
});
