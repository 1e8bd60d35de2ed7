/** No secret and no name where it does not belong, and a record that is written once and verifies. */
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { beforeAll, describe, expect, test } from 'vitest';
import { decide, handOver, mail, must } from '../small-world/drive.js';
import { refuse } from '../small-world/mischief.js';
import { CANARY } from '../small-world/seed.js';
import { useSmallWorld } from '../small-world/world.js';

interface Payload {
  metadata?: Record<string, string>;
  data?: string;
}

/** A history as text, with every payload decoded. */
function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== 'object' || value === null) return value;
  const { metadata, data } = value as Payload;
  if (metadata && typeof data === 'string') return Buffer.from(data, 'base64').toString();
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, readable(item)]));
}

/** Everything under keys of this name, anywhere. */
function under(value: unknown, name: RegExp): unknown[] {
  if (Array.isArray(value)) return value.flatMap(item => under(item, name));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [
    ...(name.test(key) ? [item] : []),
    ...under(item, name),
  ]);
}

/** The same without what stands under keys of this name. */
function without(value: unknown, name: RegExp): unknown {
  if (Array.isArray(value)) return value.map(item => without(item, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (name.test(key) ? [] : [[key, without(item, name)]])),
  );
}

describe('secrets and names', () => {
  const small = useSmallWorld({ once: true, check: false });
  const logged: string[] = [];
  const histories: unknown[] = [];
  let run: { run: string; offboardingId: string };

  beforeAll(async () => {
    await small.world.restartWorker({ log: line => logged.push(line) });
    // Things go wrong on the way, in words that quote what they should not.
    const mischief = await refuse(small.db.desk, 'tickets', 'old.number = 3');
    await small.db.desk.query(`create or replace function public.aa_tickets_trap() returns trigger language plpgsql as $$
      begin if old.number = 3 then raise exception 'alice@small.example may not: "Alice Anders" ${CANARY}, and neither may Zacharias Unquoted' using detail = '${CANARY}', hint = 'Zacharias Unquoted'; end if; return new; end $$`);
    const first = await handOver(small);
    run = first;
    await mischief.mend();
    // A failure that reaches Temporal: the directory cannot be read while somebody decides.
    await small.db.crm.query(`revoke select on people from ${small.role}`);
    await decide(small, first, 'retry', 'olivia');
    await small.db.crm.query(`grant select on people to ${small.role}`);
    await must(small, first, 'retry', 'olivia');
    expect(await small.world.offboardings.result(first.run)).toMatchObject({ outcome: 'completed' });
    const { temporal } = small.world.worker.deps;
    await small.world.offboardings.archive(first.run);
    const requests = temporal.workflow.list({
      query: `TaskQueue = "${small.world.config.temporal.taskQueue}"`,
    });
    // Visibility follows a moment later: the request, the offboarding and the look that archived it.
    for (const deadline = Date.now() + 20_000; histories.length < 3 && Date.now() < deadline; ) {
      histories.length = 0;
      for await (const one of requests)
        histories.push(
          JSON.parse(
            historyToJSON(await temporal.workflow.getHandle(one.workflowId, one.runId).fetchHistory()),
          ),
        );
    }
    expect(histories.length).toBeGreaterThanOrEqual(3);
  });

  test('a token’s secret and a connection’s password are nowhere: not in a history, not in our store, not in a log', async () => {
    const { rows } = await small.db.store.query(
      `select tablename from pg_tables where schemaname = 'handover'`,
    );
    const tables = await Promise.all(
      rows.map(
        async ({ tablename }) =>
          (await small.db.store.query(`select t::text as row from handover.${tablename} t`)).rows,
      ),
    );
    const archives = (await small.db.store.query('select history from handover.archives')).rows.map(row =>
      gunzipSync(row.history).toString(),
    );
    const everything = [
      JSON.stringify(readable(histories)),
      JSON.stringify(tables),
      JSON.stringify(readable(archives.map(text => JSON.parse(text)))),
      logged.join('\n'),
    ].join('\n');
    // The trap's own sentence is scrubbed of values, but it is somebody else's sentence: only quoted ones can
    // be told apart.
    expect(everything.split(`${CANARY}-`)).toHaveLength(1);
    expect(everything).not.toContain(small.password);
    expect(everything).toContain(run.offboardingId);
  });

  test('what a trigger said, with a name that nobody quoted, lies in the receipt and is nowhere in Temporal', async () => {
    const { rows } = await small.db.store.query(
      `select exceptions from handover.receipts where exceptions like '%Zacharias Unquoted%'`,
    );
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(readable(histories))).not.toContain('Zacharias');
    expect(logged.join('\n')).not.toContain('Zacharias');
  });

  test('names and e-mail addresses are in no id, search attribute, memo or failure', () => {
    const names = Object.values(small.cast).flatMap(one => [
      one.name,
      one.email,
      one.login === one.who ? `"${one.login}"` : one.login,
    ]);
    const places = {
      ids: under(
        histories,
        /^(workflowId|activityId|timerId|updateId|requestId|originalExecutionRunId)$/,
      ).filter(id => typeof id === 'string'),
      attributes: under(histories, /^searchAttributes$/),
      memos: under(histories, /^memo$/),
      // What a codec cannot encrypt: a failure's message and stack, not its details.
      failures: under(histories, /^failure$/).map(failure => without(failure, /^details$/)),
    };
    for (const [place, found] of Object.entries(places)) {
      expect(found.length, place).toBeGreaterThan(0);
      const text = JSON.stringify(readable(found)).toLowerCase();
      for (const name of names) expect(text, `${place} contain ${name}`).not.toContain(name.toLowerCase());
    }
  });

  test('history stays small: no lists of items travel', () => {
    for (const history of histories) {
      const events = (history as { events: unknown[] }).events;
      for (const event of events) expect(JSON.stringify(event).length).toBeLessThan(64_000);
      expect(events.length).toBeLessThan(600);
    }
  });
});

describe('the record', () => {
  const small = useSmallWorld();
  const archives = async (offboardingId: string) =>
    (await small.db.store.query('select * from handover.archives where offboarding = $1', [offboardingId]))
      .rows;

  test('a closed run leaves its whole history, under a digest that verifies, and it cannot be overwritten', async () => {
    const run = await handOver(small);
    expect(await small.world.offboardings.archive(run.run)).toEqual({
      stored: 1,
      workflows: [run.run],
      failed: 0,
      failures: [],
    });
    const [archive] = await archives(run.offboardingId);
    const { run: id, offboarding, workflow, status, events, at } = archive;
    const line = JSON.stringify([id, offboarding, workflow, status, events, at.toISOString()]);
    const digest = createHash('sha256').update(`${line}\n`).update(archive.history).digest('hex');
    expect(digest).toBe(archive.digest);
    const history = JSON.parse(gunzipSync(archive.history).toString()) as { events: { eventType: string }[] };
    expect(history.events).toHaveLength(archive.events);
    expect(history.events.at(-1)!.eventType).toMatch(/WORKFLOW_EXECUTION_COMPLETED/);
    expect(archive.status).toBe('COMPLETED');
    const written = ['archives', 'certificates', 'certificate_bodies', 'audit', 'audit_bodies', 'plans'];
    for (const table of written)
      for (const statement of [
        `update handover.${table} set offboarding = offboarding`,
        `delete from handover.${table}`,
      ])
        await expect(
          small.db.store.query(`${statement} where offboarding = $1`, [run.offboardingId]),
        ).rejects.toThrow(/append-only/);
    const { deps } = small.world.worker;
    expect(await deps.store.archive.save({ ...archive, history: { events: [] } })).toBe(false);
    expect((await archives(run.offboardingId))[0].digest).toBe(archive.digest);
    const [certificate] = await deps.store.archive.certificates(run.offboardingId);
    const again = await deps.store.archive.certify(run.offboardingId, { outcome: 'something else' });
    expect(again.digest).toBe(certificate!.digest);
  });

  test('a changed byte of the trail is named', async () => {
    const { offboardingId } = await handOver(small, { requestedBy: mail(small, 'oscar') });
    const client = await small.db.store.connect();
    await client.query('begin');
    await client.query('alter table handover.audit_bodies disable trigger append_only');
    await client.query(
      `update handover.audit_bodies set body = replace(body, 'approve', 'reject ') where offboarding = $1 and body like '%"message":"approve"%'`,
      [offboardingId],
    );
    await client.query('commit');
    const { breaks } = await small.world.worker.deps.store.audit.read(offboardingId);
    expect(breaks).toEqual([expect.stringMatching(/Entry \d+ \(decision .*\) has a changed body/)]);
    await client.query(
      `update handover.audit_bodies set body = replace(body, 'reject ', 'approve') where offboarding = $1 and body like '%"message":"reject "%'`,
      [offboardingId],
    );
    await client.query('alter table handover.audit_bodies enable trigger append_only');
    client.release();
  });
});
