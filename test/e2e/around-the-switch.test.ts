/**
 * Some things can be handed over only while the account is active, and some only once it is off: the latter
 * move after the switch, and are proved then like everything else.
 */
import { expect, test } from 'vitest';
import { tree } from '../../domain/tree.js';
import { type App, inApp } from '../consequences/world.js';

const table = (name: string): string =>
  `create table public.${name} (id bigint primary key, owner_id bigint); insert into public.${name} select n, 1 from generate_series(1, 5) n;`;
const category = (name: string, more = ''): string =>
  `${name}: { title: ${name}, do: transfer, table: public.${name}, key: [id], owner: { column: owner_id }${more} }`;

const AFTER = ', switch: { needs: inactive, when: after, within: 30 days }';
const APP: App = {
  sql: table('tasks') + table('pages'),
  categories: `${category('tasks')}\n${category('pages', AFTER)}`,
};
/** An administrator can move pages only once the account is off. */
const GUARD = `
  create function public.guard() returns trigger language plpgsql as $$ begin
    if exists (select from public.users where id = old.owner_id and active) then raise exception 'the account is still active'; end if;
    return new; end $$;
  create trigger guard before update on public.pages for each row execute function public.guard();`;
/** Nobody can move pages at all. */
const STUCK: App = {
  ...APP,
  sql: `${APP.sql}
    create function public.never() returns trigger language plpgsql as $$ begin raise exception 'not today'; end $$;
    create trigger never before update on public.pages for each row execute function public.never();`,
};
const owners = `select (select count(*)::int from tasks where owner_id = 1), (select count(*)::int from pages where owner_id = 1),
  (select active from users where id = 1)`;

test('what moves only after the switch moves then, and the last proof is about it as well', () =>
  inApp({ ...APP, sql: APP.sql + GUARD }, async (planned, it) => {
    expect(planned.findings).toEqual([]);
    expect(tree(planned).join('\n')).toContain('↳ moves only after the switch, within 30 days');
    expect(await it.agree()).toMatchObject({ state: 'closed', outcome: 'completed' });
    expect(await it.rows(owners)).toEqual([[0, 0, false]]);
    expect((await it.receipts()).map(({ step }) => step)).toEqual([
      'app/tasks',
      'app/deactivate',
      'app/pages',
    ]);
    const { steps, times } = (await it.certificate()) as {
      steps: { id: string; late?: unknown; changed: number }[];
      times: { deactivated: string };
    };
    const until = new Date(Date.parse(times.deactivated) + 30 * 86_400_000).toISOString();
    expect(steps.find(({ id }) => id === 'app/pages')).toMatchObject({
      changed: 5,
      late: { withinDays: 30, until },
    });
    expect(steps.find(({ id }) => id === 'app/tasks')).not.toHaveProperty('late');
  }));

test('where it fails after the switch the run parks and says until when, and a retry finishes it', () =>
  inApp(STUCK, async (_planned, it) => {
    const parked = await it.agree();
    expect(parked).toMatchObject({
      state: 'needs-attention',
      access: { app: 'deactivated' },
      steps: { 'app/tasks': { state: 'completed' }, 'app/pages': { state: 'failed', remaining: 5 } },
    });
    expect(parked.sentence).not.toContain('stays active');
    expect(parked.sentence).toContain('The leaver is switched off already.');
    expect(tree(parked).join('\n')).toMatch(
      /↳ moves only after the switch, until \d{4}-\d\d-\d\d \d\d:\d\d UTC/,
    );
    expect(await it.rows(owners)).toEqual([[0, 5, false]]);
    await it.db.query('drop trigger never on pages');
    await it.say('retry', 'olivia');
    const closed = await it.until(({ state }) => state === 'closed');
    expect(closed).toMatchObject({ outcome: 'completed' });
    expect(await it.rows(owners)).toEqual([[0, 0, false]]);
  }));

test('what lands on the leaver after the switch is found by the second proof', () => {
  let landed = false;
  let land = async (): Promise<void> => {};
  return inApp(
    APP,
    async (_planned, it) => {
      land = async () => void (await it.db.query('insert into pages values (6, 1)'));
      expect(await it.agree()).toMatchObject({ state: 'closed', outcome: 'completed' });
      expect(landed).toBe(true);
      expect(await it.rows(owners)).toEqual([[0, 0, false]]);
      expect(await it.rows('select count(*)::int from pages')).toEqual([[6]]);
    },
    {
      wrap: activities => ({
        ...activities,
        async runSteps(input: Parameters<typeof activities.runSteps>[0]) {
          const result = await activities.runSteps(input);
          if (input.steps.includes('app/pages') && !landed) {
            landed = true;
            await land();
          }
          return result;
        },
      }),
    },
  );
});

test.each([
  [
    'only while it is active, and an unplanned departure blocks first',
    ', switch: { needs: active }',
    { departure: 'unplanned' },
    'an unplanned departure blocks it first',
  ],
  [
    'only after a switch that this run does not do',
    AFTER,
    { mode: 'execute-only' },
    'this run does not switch it off',
  ],
])('refused before anybody approves: %s', (_, more, request, says) =>
  inApp(
    { sql: table('pages'), categories: category('pages', more) },
    async (planned, it) => {
      expect(planned.findings).toMatchObject([{ code: 'order-contradiction', step: 'app/pages' }]);
      expect(planned.findings[0]!.message).toContain(says);
      expect(await it.rows('select count(*)::int from pages where owner_id = 1')).toEqual([[5]]);
    },
    { request },
  ),
);

test('refused before anybody approves: what comes before the switch waits for what comes after it', () =>
  inApp(
    { ...APP, categories: `${category('tasks', ', after: [pages]')}\n${category('pages', AFTER)}` },
    async planned => {
      expect(planned.findings).toMatchObject([{ code: 'order-contradiction', step: 'app/tasks' }]);
    },
  ));

test('an end by hand after the switch says what is left, and that the leaver is off', () =>
  inApp(STUCK, async (_planned, it) => {
    await it.agree();
    await it.say('finish', 'olivia', { reason: 'the pages may go' });
    const ended = await it.until(({ state }) => state === 'closed');
    expect(ended).toMatchObject({
      outcome: 'completed-partially',
      steps: { 'app/pages': { state: 'failed', remaining: 5 } },
    });
    expect(ended.sentence).toContain('The leaver is switched off everywhere.');
  }));

test('a cancellation after the switch takes nothing of it back, and says so', () =>
  inApp(STUCK, async (_planned, it) => {
    await it.agree();
    await it.say('cancel', 'olivia');
    const ended = await it.until(({ state }) => state === 'closed');
    expect(ended).toMatchObject({ outcome: 'cancelled', access: { app: 'deactivated' } });
    expect(ended.sentence).toBe(
      'Cancelled by Olivia. 5 items had been handed over and stay there. Switched off already in app.',
    );
    expect(await it.rows(owners)).toEqual([[0, 5, false]]);
  }));

test('an amendment after the switch is a plan for what is left: approved anew, and nobody is switched off twice', () =>
  inApp(STUCK, async (_planned, it) => {
    await it.agree();
    await it.db.query('drop trigger never on pages');
    await it.say('amend', 'olivia', { successors: { 'app/pages': 'carol@corp.example' } });
    const again = await it.until(({ state, revision }) => state === 'awaiting-approval' && revision === 2);
    expect(again.approvals).toEqual([]);
    expect(await it.agree()).toMatchObject({ state: 'closed', outcome: 'completed' });
    expect(await it.rows('select distinct owner_id::int from pages')).toEqual([[5]]);
    expect((await it.receipts()).filter(({ step }) => step === 'app/deactivate')).toHaveLength(1);
    // What was done before the amendment was done under the plan before it.
    const { steps, approvals } = (await it.certificate()) as {
      steps: { id: string; successors: { label: string; items: number }[]; under: { revision: number }[] }[];
      approvals: { plan: { revision: number } }[];
    };
    expect(approvals.map(({ plan }) => plan.revision)).toEqual([1, 2]);
    const done = steps.filter(({ under }) => under.length > 0);
    expect(done.map(({ id, under }) => [id, ...under.map(({ revision }) => revision)])).toEqual([
      ['app/tasks', 1],
      ['app/pages', 2],
      ['app/deactivate', 1],
    ]);
    expect(done.map(({ successors }) => successors.map(({ label, items }) => [label, items]))).toEqual([
      [['Bob', 5]],
      [['Carol', 5]],
      [],
    ]);
  }));
