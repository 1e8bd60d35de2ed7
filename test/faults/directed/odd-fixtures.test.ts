/**
 * Worlds at the edge of what there is. Names of 10,000 characters, names and keys in every script, items
 * without an owner, and a system with 500 categories. Keys of every type, beyond 2^53, composite:
 * test/connectors/keys.test.ts, and the small world itself, whose keys are beyond 2^53, uuids and composite
 * in every run; nothing to hand over: test/e2e/failures.test.ts.
 */
import { cpSync, mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import proto from '@temporalio/proto';
import { afterAll, describe, expect, test } from 'vitest';
import { agree, handOver, planned, start, waitFor } from '../../small-world/drive.js';
import { useSmallWorld } from '../../small-world/world.js';
import { leaverIs } from './scenes.js';
import { stillHeld } from './states.js';

describe('names and keys', () => {
  const small = useSmallWorld();
  const LONG_NAME = 10_000;
  const NAMES = {
    'ten thousand characters': 'N'.repeat(LONG_NAME),
    'ten thousand characters of four bytes': '🦆'.repeat(LONG_NAME / 2),
    'right to left, combining and without width':
      `\u202eآليس\u202c e\u0301\u0301\u0301 \u200b\u200d\ufeff`.repeat(20),
    'Markdown and HTML': '# [x](javascript:alert(1)) <script>alert(1)</script> | a | `b` ```\n\n---\n'.repeat(
      10,
    ),
  };

  test.each(Object.entries(NAMES))('everybody and everything is called %s', async (_what, name) => {
    const { crm, desk } = small.db;
    await crm.query(`update people set full_name = $1 where id = any ($2)`, [
      name,
      [small.cast.alice.id, small.cast.maya.id, small.cast.priya.id, small.cast.olivia.id],
    ]);
    await crm.query('update accounts set name = $1', [name]);
    await crm.query('update assignment_rules set name = $1', [name]);
    await desk.query('update agents set name = $1 where id in (17, 18)', [name]);
    await desk.query('update tickets set subject = $1', [name]);
    const { run, status } = await handOver(small);
    expect(status).toMatchObject({
      outcome: 'completed',
      access: { crm: 'deactivated', desk: 'deactivated' },
      leaver: { name },
    });
    const size = await quietHistory(small.world.offboardings.handle(run));
    // A name of 20 kB stands wherever people are named, and still no event comes near the 512 KiB at which
    // Temporal warns.
    expect(size.largest).toBeLessThan(512 * 1024);
    expect(await stillHeld(small)).toBe(0);
  });

  test('keys of any text there is, and items without an owner beside those of the leaver', async () => {
    const odd = [
      '',
      ' ',
      'NULL',
      'null',
      '{}',
      '{a,b}',
      '"',
      '\\',
      "'; drop table team_members; --",
      'a\nb\tc',
      '💥🦆',
      'é',
      'e\u0301',
      '\u202e',
      '$1',
      '%',
      'x'.repeat(2_000),
    ];
    await small.db.desk.query('insert into team_members (team, agent_id) select unnest($1::text[]), 17', [
      odd,
    ]);
    await small.db.desk.query(`insert into tickets (id, number, subject, assignee_id, status, language)
      select gen_random_uuid(), 5000 + n, 'nobody''s', null, 'open', 'en' from generate_series(1, 50) n`);
    await small.db.crm.query(
      `insert into accounts (id, name, owner_id, region) select 1 + n, 'nobody''s', null, 'emea' from generate_series(1, 50) n`,
    );
    const { status } = await handOver(small);
    expect(status).toMatchObject({
      outcome: 'completed',
      steps: {
        'desk/teams': { changed: odd.length + 2 },
        'desk/tickets': { changed: 9 },
        'crm/accounts': { changed: 9 },
      },
    });
    const { rows } = await small.db.desk.query(
      'select count(*)::int as n from tickets where assignee_id is null',
    );
    expect(rows).toEqual([{ n: 50 }]);
  });
});

describe('a system with 500 categories', () => {
  const CATEGORIES = 500;
  const dir = mkdtempSync(join(tmpdir(), 'handover-wide-'));
  // The checker's description of the world does not know these categories: rows are counted here.
  const small = useSmallWorld({
    check: false,
    change: config => {
      cpSync(dirname(config.file), dir, { recursive: true });
      config.file = join(dir, 'handover.yaml');
    },
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  test('500 categories, most of them with something in them: one run, every one of them a step of its own', {
    timeout: 170_000,
  }, async () => {
    await small.db.desk.query(`create table things (id bigint primary key, kind integer not null, agent_id integer not null);
      insert into things select n, n % ${CATEGORIES}, 17 from generate_series(1, ${CATEGORIES * 2}) n where n % 10 <> 0;
      create index on things (kind, agent_id);
      grant select, update, delete on things to ${small.role}`);
    const more = Array.from(
      { length: CATEGORIES },
      (_, n) => `
  thing_${n}:
    title: Things of the kind ${n} with a name that says a little more about them
    do: transfer
    table: public.things
    key: [id]
    owner: { column: agent_id }
    when: things.kind = ${n}
`,
    );
    const catalog = join(dir, 'desk.yaml');
    await writeFile(
      catalog,
      (await readFile(catalog, 'utf8')).replace('\n  closed:', `${more.join('')}\n  closed:`),
    );
    const run = await start(small);
    const patient = (until: Parameters<typeof waitFor>[2]) => waitFor(small, run, until, 120_000);
    await patient(one => one.state !== 'preparing');
    expect((await planned(small, run)).plan!.steps.length).toBeGreaterThan(CATEGORIES);
    await agree(small, run);
    const status = await patient(one => one.state === 'closed' || one.state === 'needs-attention');
    expect(status).toMatchObject({ outcome: 'completed' });
    await small.world.offboardings.result(run.run);
    const { rows } = await small.db.desk.query('select agent_id, count(*)::int as n from things group by 1');
    expect(rows).toEqual([{ agent_id: 18, n: CATEGORIES * 2 - CATEGORIES / 5 }]);
    expect(await leaverIs(small)).toEqual(['inactive', 'inactive']);
    const size = await quietHistory(small.world.offboardings.handle(run.run));
    expect(size.largest).toBeLessThan(2 * 1024 * 1024);
  });
});

const { HistoryEvent } = proto.temporal.api.history.v1;

interface Handle {
  fetchHistory(): Promise<{ events?: unknown[] | null }>;
}

type Event = Parameters<typeof HistoryEvent.encode>[0];

/**
 * No task has failed, and no summary is longer than servers take (a dev server takes any). Bytes of the
 * largest event.
 */
async function quietHistory(handle: Handle): Promise<{ largest: number }> {
  const { events } = await handle.fetchHistory();
  const tasks = (events ?? []) as Event[];
  expect(tasks.filter(event => event.workflowTaskFailedEventAttributes)).toEqual([]);
  expect(Math.max(...tasks.map(event => event.userMetadata?.summary?.data?.length ?? 0))).toBeLessThan(370);
  return { largest: Math.max(...tasks.map(event => HistoryEvent.encode(event).finish().length)) };
}
