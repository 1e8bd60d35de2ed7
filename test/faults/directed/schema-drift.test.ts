/**
 * The schema changes between approval and execution, or in the middle of it. What no longer fits fails by
 * name and stops only what depends on it; what still fits goes on; and what nobody approved is never taken
 * along in silence. Columns and tables that vanish before the plan or right after the approval:
 * test/e2e/failures.test.ts.
 */
import { cpSync, mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { agree, ended, must, type Started, statesOf, waitFor } from '../../small-world/drive.js';
import { trap } from '../../small-world/mischief.js';
import { useSmallWorld } from '../../small-world/world.js';
import { agreed, approvedButHeld, leaverIs, movesOf, release } from './scenes.js';

describe('in the middle of the steps', () => {
  const small = useSmallWorld();
  const desk = (sql: string) => small.db.desk.query(sql);

  /** Changes the desk while the first step, in the other system, is still at work. */
  async function changedMidway(sql: string): Promise<Started> {
    const slow = await trap(small.db.crm, 'assignment_rules', 'perform pg_sleep(0.3);');
    const run = await agreed(small);
    await waitFor(small, run, one => one.steps['crm/rules']?.state === 'running');
    await desk(sql);
    expect(await movesOf(small.db.desk, 'tickets')).toBe(0);
    await slow.mend();
    return run;
  }

  /** What ends with a membership refers to it, and does so again. */
  const DUTIES =
    'alter table duties add foreign key (team, agent_id) references team_members on delete cascade';
  const BREAKS: [what: string, drift: string, mend: string, step: string, says: RegExp][] = [
    [
      'the owner column is renamed',
      'alter table watchers rename column agent_id to agent',
      'alter table watchers rename column agent to agent_id',
      'desk/watchers',
      /agent_id/,
    ],
    [
      'a column of a condition is renamed',
      'alter table tickets rename column status to state',
      'alter table tickets rename column state to status',
      'desk/tickets',
      /status/,
    ],
    [
      'a touched column is dropped',
      'alter table tickets rename column updated_at to updated',
      'alter table tickets rename column updated to updated_at',
      'desk/tickets',
      /updated_at/,
    ],
    [
      'a table is dropped',
      'create table kept as table team_members; drop table team_members cascade',
      `alter table kept rename to team_members; alter table team_members add primary key (team, agent_id); ${DUTIES};
       create trigger zz_witness after insert or update or delete on team_members for each row execute function witness()`,
      'desk/teams',
      /team_members/,
    ],
    [
      'a key changes its type so that the approved keys no longer fit',
      `create table numbered as select id, row_number() over () as n from tickets;
      create function n_of(uuid) returns bigint language sql as 'select n from public.numbered where id = $1';
       create function id_of(bigint) returns uuid language sql as 'select id from public.numbered where n = $1';
       alter table tickets alter id type bigint using n_of(id)`,
      'alter table tickets alter id type uuid using id_of(id); drop function n_of; drop function id_of; drop table numbered',
      'desk/tickets',
      /type/,
    ],
    [
      'the owner column changes its type so that no owner fits',
      `alter table duties drop constraint duties_team_agent_id_fkey;
       alter table team_members alter agent_id type date using date '2000-01-01' + agent_id`,
      `alter table team_members alter agent_id type integer using agent_id - date '2000-01-01'; ${DUTIES}`,
      'desk/teams',
      /agent_id|type/,
    ],
  ];

  test.each(BREAKS)(
    '%s: its step fails by name, all else is done, and retry finishes once it is mended',
    async (...given) => {
      const [, drift, mend, step, says] = given;
      const run = await changedMidway(drift);
      try {
        const status = await ended(small, run);
        expect(status.state).toBe('needs-attention');
        expect(status.steps[step]).toMatchObject({
          state: 'failed',
          changed: 0,
          message: expect.stringMatching(says),
        });
        expect(statesOf(status)).toMatchObject({
          'crm/accounts': 'completed',
          'crm/fields': 'completed',
          'crm/tokens': 'completed',
          'desk/deactivate': 'not-run',
          'crm/deactivate': 'not-run',
        });
        expect(await leaverIs(small)).toEqual(['active', 'active']);
      } finally {
        await desk(mend);
        await desk(`grant select, update, delete on team_members to ${small.role}`);
      }
      await must(small, run, 'retry', 'olivia');
      expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
    },
  );

  const HARMLESS: [what: string, drift: string, mend: string][] = [
    [
      'a column is added',
      `alter table tickets add column mood text not null default 'fine'`,
      'alter table tickets drop column mood',
    ],
    [
      'an integer owner becomes a bigint',
      'alter table tickets drop constraint tickets_assignee_id_fkey, alter assignee_id type bigint',
      'alter table tickets alter assignee_id type integer',
    ],
    [
      'a uuid key becomes a text',
      'alter table tickets alter id type text',
      'alter table tickets alter id type uuid using id::uuid',
    ],
    ['a table is rewritten', 'cluster tickets using tickets_pkey', 'select 1'],
  ];

  test.each(HARMLESS)('%s: what was approved is done all the same', async (_what, drift, mend) => {
    const run = await changedMidway(drift);
    try {
      const status = await ended(small, run);
      expect(status.outcome, JSON.stringify(status.steps)).toBe('completed');
      expect(status.steps['desk/tickets']).toMatchObject({ state: 'completed', changed: 9 });
    } finally {
      await desk(mend);
    }
  });

  test('a new table that points at people: all is handed over, and nobody is switched off before it is classified', async () => {
    const run = await changedMidway(
      'create table stars (id int primary key, agent_id integer references agents)',
    );
    try {
      const status = await ended(small, run);
      expect(status.state).toBe('needs-attention');
      expect(status.steps['desk/tickets']).toMatchObject({ state: 'completed', changed: 9 });
      expect(status.steps['desk/deactivate']).toMatchObject({
        state: 'failed',
        message: expect.stringContaining('public.stars.agent_id'),
      });
      expect(await leaverIs(small)).toEqual(['active', 'active']);
    } finally {
      await desk('drop table stars');
    }
    await must(small, run, 'retry', 'olivia');
    expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  });
});

describe('the catalog, too', () => {
  // A copy that the tests may edit, as an operator would.
  const dir = mkdtempSync(join(tmpdir(), 'handover-drift-'));
  const small = useSmallWorld({
    change: config => {
      cpSync(dirname(config.file), dir, { recursive: true });
      config.file = join(dir, 'handover.yaml');
    },
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));
  const catalog = () => join(dir, 'desk.yaml');

  test('words and classifications that change after the approval leave it as it was', async () => {
    const run = await approvedButHeld(small);
    const before = await readFile(catalog(), 'utf8');
    const reworded = before
      .replace('title: Small desk', 'title: The desk')
      .replace(/^( {4}title:) .*$/gm, '$1 Something else')
      .replace(/^( {4}label:) subject$/gm, '$1 status');
    expect(reworded).not.toBe(before);
    await writeFile(catalog(), reworded);
    try {
      await release(small, run);
      expect(await ended(small, run)).toMatchObject({ outcome: 'completed', revision: 1 });
    } finally {
      await writeFile(catalog(), before);
    }
  });

  test('a category that is added after the approval opens it again, and is in the next plan', async () => {
    const run = await approvedButHeld(small);
    const before = await readFile(catalog(), 'utf8');
    await writeFile(
      catalog(),
      before.replace(
        '\n  closed:',
        `
  waiting:
    title: Waiting tickets
    do: transfer
    table: public.tickets
    key: [id]
    owner: { column: assignee_id }
    when: tickets.status = 'waiting'

  closed:`,
      ),
    );
    try {
      await release(small, run);
      const again = await waitFor(small, run, one => one.revision === 2 && one.state === 'awaiting-approval');
      expect(again.approvals).toEqual([]);
      expect(again.plan!.steps.map(step => step.id)).toContain('desk/waiting');
      await agree(small, run);
      expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
    } finally {
      await writeFile(catalog(), before);
    }
  });

  test('a catalog that is corrected in the middle parks the run: nobody approved it, and nobody is switched off', async () => {
    const slow = await trap(small.db.crm, 'assignment_rules', 'perform pg_sleep(0.3);');
    const run = await agreed(small);
    await waitFor(small, run, one => one.steps['crm/rules']?.state === 'running');
    const before = await readFile(catalog(), 'utf8');
    await writeFile(
      catalog(),
      before.replace('{ language: language }', '{ language: language, about: subject }'),
    );
    try {
      const parked = await ended(small, run);
      expect(parked.state).toBe('needs-attention');
      expect(parked.steps['desk/tickets']).toMatchObject({
        state: 'failed',
        changed: 0,
        message: expect.stringMatching(/catalog/),
      });
      expect(await leaverIs(small)).toEqual(['active', 'active']);
      await must(small, run, 'amend', 'olivia', {});
      expect(
        await waitFor(small, run, one => one.revision === 2 && one.state === 'awaiting-approval'),
      ).toMatchObject({
        approvals: [],
      });
      await agree(small, run);
      expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
    } finally {
      await slow.mend();
      await writeFile(catalog(), before);
    }
  });
});
