/** What a sweep leaves behind: shown by the command line, held against itself by the audit. */
import { randomUUID } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { cliOf } from '../cli/cli.js';
import { handOver, mail } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { land, long, ownerOf, sweepOf } from './sweeps.js';

// The test tampers on purpose.
const small = useSmallWorld({ change: long, check: false });

test('the command line shows a sweep and decides; the audit holds addenda and the chain of the sweep', async () => {
  const { run, offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  const cli = await cliOf(small);
  try {
    await sweep.until(now => now.round === 2 && now.state === 'waiting');
    await land(small, 940_001);
    await sweep.until(now => now.moved === 1);
    const shown = await cli('sweep', run, '--json');
    expect(shown.json()).toMatchObject([{ moved: 1, addenda: [1] }]);
    const by = ['--by', mail(small, 'olivia')];
    expect(await cli('sweep', run, '--acknowledge', 'crm/nothing', ...by)).toMatchObject({ code: 3 });
    expect(await cli('sweep', run, '--stop', 'enough', ...by)).toMatchObject({ code: 0 });
    await sweep.result();
    const told = await cli('audit', run);
    expect(told.err).toBe('');
    const { name } = small.cast.maya;
    const lines = [
      /addendum .*addendum 1 to the certificate: 1 handed over by round \d+ of the sweep/,
      /receipt .*sweep: crm\/accounts: 1 changed in 1 batch/,
      new RegExp(`swept .*round \\d+ of the sweep: crm/accounts: completed \\(1 changed\\) to ${name}`),
      /decision .*sweep: Olivia Owner \(id:\d+\), claimed: finish.* Said: enough/,
      /sweep-ended .*the sweep is over as finished after round \d+, 1 handed over in all: Ended by Olivia/,
    ];
    for (const line of lines) expect(told.out).toMatch(line);
    // Rounds in a row that found nothing are one line.
    expect(told.out.match(/of the sweep found nothing/g)?.length ?? 0).toBeLessThanOrEqual(3);
    expect(told.out).toMatch(/quiet-round .*rounds 1 to 2 of the sweep found nothing/);
    const intact = await cli('audit', run, '--verify');
    expect([intact.code, intact.out + intact.err]).toEqual([0, expect.anything()]);
    for (const [tamper, named] of [
      [`update handover.receipts set changed = changed + 1 where offboarding = $1`, /of the sweep/],
      [
        `update handover.audit set kind = 'quiet-round' where offboarding = $1 and kind = 'swept'`,
        /of the sweep/,
      ],
      [
        `update handover.certificates set digest = repeat('0', 64) where number = 1 and $1::uuid is not null`,
        /number 1/,
      ],
    ] as const) {
      const { sweepId } = await sweep.status();
      const client = await small.db.store.connect();
      try {
        await client.query(`set session_replication_role = replica`);
        await client.query(tamper, [sweepId]);
      } finally {
        await client.query(`set session_replication_role = origin`);
        client.release();
      }
      const found = await cli('audit', run, '--verify');
      expect(found.code).not.toBe(0);
      expect(found.out + found.err).toMatch(named);
    }
  } finally {
    await cli.remove();
  }
});

test('what a sweep found and had no time to add to the certificate is named by the audit, and added by the next look', async () => {
  const { run, offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  const id = small.world.offboardings.ids.sweep(offboardingId);
  const cli = await cliOf(small);
  try {
    const { sweepId } = await sweep.status();
    await small.db.store.query(`create function no_addendum() returns trigger language plpgsql as $$
        begin if new.number > 0 then raise exception 'not now'; end if; return new; end $$;
      create trigger no_addendum before insert on handover.certificates for each row execute function no_addendum()`);
    await land(small, 940_010);
    const swept = `select count(*)::int as n from handover.audit where offboarding = $1 and kind = 'swept'`;
    await vi.waitFor(
      async () => expect((await small.db.store.query(swept, [sweepId])).rows).toEqual([{ n: 1 }]),
      { timeout: 20_000, interval: 150 },
    );
    await small.world.offboardings.handle(id).terminate('in between');
    await small.db.store.query('drop function no_addendum cascade');
    const before = await cli('audit', run, '--verify');
    expect(before.code).not.toBe(0);
    expect(before.out + before.err).toMatch(/entry \d+ \(round \d+\) was never added to the certificate/);
    await small.world.offboardings.archive(id);
    await small.world.offboardings.archive(run);
    const after = await cli('audit', run, '--verify');
    expect([after.code, after.out + after.err]).toEqual([0, expect.stringMatching(/addend|certificate/)]);
  } finally {
    await small.db.store.query('drop function if exists no_addendum cascade');
    await cli.remove();
  }
});

test('what was announced is asked for, also where it never added anything', async () => {
  const { run, offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  const id = small.world.offboardings.ids.sweep(offboardingId);
  const cli = await cliOf(small);
  const verified = async () => {
    const { code, out, err } = await cli('audit', run, '--verify');
    return { code, says: out + err };
  };
  try {
    // About to begin, in the middle, and over: nothing is missing.
    expect(await verified()).toMatchObject({ code: 0 });
    const { sweepId } = await sweep.until(({ round }) => round > 0);
    expect(await verified()).toMatchObject({ code: 0 });
    await small.world.offboardings.decide(id, 'finish', { by: mail(small, 'olivia'), reason: 'enough' });
    await sweep.result();
    for (const one of [id, run]) await small.world.offboardings.archive(one);
    expect(await verified()).toMatchObject({ code: 0 });
    const client = await small.db.store.connect();
    try {
      await client.query('set session_replication_role = replica');
      for (const table of ['audit', 'audit_bodies', 'audit_heads', 'archives'])
        await client.query(`delete from handover.${table} where offboarding = $1`, [sweepId]);
      await client.query('delete from handover.offboardings where id = $1', [sweepId]);
    } finally {
      await client.query('set session_replication_role = origin');
      client.release();
    }
    const { code, says } = await verified();
    expect(code).not.toBe(0);
    expect(says).toContain(`the sweep ${sweepId} was announced, and there is nothing of it`);
  } finally {
    await cli.remove();
  }
});

test('reset after its end and gone on, a sweep ends again, with all that it moved, and verifies', async () => {
  const { run, offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  const { offboardings } = small.world;
  const id = offboardings.ids.sweep(offboardingId);
  const end = async () => {
    await offboardings.decide(id, 'finish', { by: mail(small, 'olivia'), reason: 'enough' });
    return sweep.result();
  };
  const cli = await cliOf(small);
  try {
    await land(small, 940_020);
    await sweep.until(({ moved }) => moved === 1);
    expect(await end()).toMatchObject({ outcome: 'finished', moved: 1 });
    const handle = offboardings.handle(id);
    const { events } = await handle.fetchHistory();
    const done = (events ?? []).filter(event => event.workflowTaskCompletedEventAttributes);
    await small.world.worker.deps.temporal.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: id, runId: (await handle.describe()).runId },
      workflowTaskFinishEventId: done[1]!.eventId!,
      requestId: randomUUID(),
      reason: 'again',
      // Or it would be ended again by what ended it.
      resetReapplyExcludeTypes: [1, 2],
    });
    await land(small, 940_021);
    await vi.waitFor(async () => expect(await ownerOf(small, 940_021)).toBe(String(small.cast.maya.id)), {
      timeout: 20_000,
      interval: 150,
    });
    await sweep.until(({ addenda }) => addenda.includes(2));
    expect(await end()).toMatchObject({ outcome: 'finished' });
    const { sweepId } = await sweep.status();
    const { rows } = await small.db.store.query(
      `select (b.body::json ->> 'moved')::int as moved from handover.audit a join handover.audit_bodies b using (offboarding, seq)
        where offboarding = $1 and kind = 'sweep-ended' order by seq`,
      [sweepId],
    );
    expect(rows).toEqual([{ moved: 1 }, { moved: 2 }]);
    for (const one of [id, run]) await offboardings.archive(one);
    const verified = await cli('audit', run, '--verify');
    expect([verified.code, verified.out + verified.err]).toEqual([0, expect.anything()]);
  } finally {
    await cli.remove();
  }
});
