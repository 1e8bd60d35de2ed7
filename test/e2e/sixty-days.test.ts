/**
 * Sixty days of clean-up after a sudden departure, in which people, workers and catalogs come and go: nothing is
 * forgotten, whoever has left neither decides nor takes over, what goes on in a fresh execution or by another build
 * is the same run, and at the end the record holds. A day is half a second here: the policy takes parts of a
 * day.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NoticeEntry } from '../../activities/record.js';
import type { Clock } from '../../domain/clocks.js';
import { DEFAULT_CLOCKS, DEFAULT_PATIENCE } from '../../domain/patience.js';
import { findTemporalCli } from '../../runtime/embedded/temporal-cli.js';
import { startTemporalServer, type TemporalServer } from '../../runtime/embedded/temporal-server.js';
import { searchAttributes } from '../../runtime/search-attributes.js';
import { payloadConverterPath } from '../../runtime/temporal.js';
import { bundled, workflowBundle } from '../../workers/bundle.js';
import type { Status } from '../../workflows/messages.js';
import { cliOf } from '../cli/cli.js';
import {
  acknowledgeAll,
  agree,
  atRest,
  decide,
  ended,
  mail,
  must,
  planned,
  start,
  waitFor,
} from '../small-world/drive.js';
import { failedTasks, histories } from '../small-world/history.js';
import { refuse } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';
import { bundleCache } from '../support/world.js';

/** How long a day is, and what part of a real one that is. */
const DAY = 500;
const days = (n: number): number => (n * DAY) / 86_400_000;

let folder: string;
let server: TemporalServer;
/** Two builds of the same workflows: what runs by the one goes on by the other. */
let builds: { codePath: string }[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'handover-sixty-days-'));
  // Catalogs where they can be edited.
  for (const name of ['crm', 'desk'])
    await writeFile(catalog(name), await readFile(`test/small-world/${name}.yaml`, 'utf8'));
  server = await startTemporalServer({
    cli: (await findTemporalCli({ say: () => {} })).path,
    headless: true,
    searchAttributes,
    logFile: join(folder, 'temporal.log'),
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': '150' },
    say: () => {},
  });
  builds = [{ codePath: await workflowBundle(bundleCache) }, { codePath: await builtOtherwise() }];
}, 180_000);
// The world's own end, which is named after this one, comes before it.
afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const small = useSmallWorld({
  change(config) {
    config.temporal.address = server.address;
    for (const [name, system] of Object.entries(config.systems)) system.catalog = catalog(name);
    const { remindAfterDays, escalateAfterDays, expiresAfterDays } = DEFAULT_PATIENCE;
    config.policy.waiting = {
      remindAfterDays: days(remindAfterDays),
      escalateAfterDays: days(escalateAfterDays),
      expiresAfterDays: days(expiresAfterDays),
    };
    const { blockedWithinMinutes, handedOverWithinDays, deactivatedWithinDays } = DEFAULT_CLOCKS;
    config.policy.clocks = {
      // By the clock on the wall: this is about minutes.
      blockedWithinMinutes,
      handedOverWithinDays: days(handedOverWithinDays),
      deactivatedWithinDays: days(deactivatedWithinDays),
    };
  },
});

/** The same sources, minified: another file, which Temporal knows by another build id. */
async function builtOtherwise(): Promise<string> {
  const { code } = await bundleWorkflowCode({
    ...bundled(fileURLToPath(new URL('../..', import.meta.url))),
    webpackConfigHook: config => ({ ...config, mode: 'production' }),
    logger: new DefaultLogger('WARN'),
  });
  const path = join(folder, 'built-otherwise.js');
  await writeFile(path, code);
  return path;
}

function catalog(system: string): string {
  return join(folder, `${system}.yaml`);
}

async function edit(system: string, from: string, to: string): Promise<void> {
  const text = await readFile(catalog(system), 'utf8');
  expect(text).toContain(from);
  await writeFile(catalog(system), text.replace(from, to));
}

const leaves = (who: 'maya' | 'priya') =>
  small.db.crm.query(`update people set status = 'inactive' where id = $1`, [small.cast[who].id]);

/** Nothing but time passes. */
const pass = (n: number) => new Promise(resolve => setTimeout(resolve, n * DAY));
const reminded = ({ waiting }: Status): boolean => (waiting?.told ?? 0) > 1;
/** Once four reminders have not helped. */
const escalated = ({ waiting }: Status): boolean => (waiting?.told ?? 0) > 5;
const late = ({ missed }: Status): string[] => Object.keys(missed ?? {});
const failed = ({ steps }: Status): string[] =>
  Object.entries(steps)
    .filter(([, { state }]) => state === 'failed')
    .map(([id]) => id)
    .sort();

test('sixty days of clean-up, while people, workers and catalogs come and go', {
  timeout: 240_000,
}, async () => {
  const traps = {
    accounts: await refuse(small.db.crm, 'accounts'),
    tokens: await refuse(small.db.crm, 'tokens'),
    tickets: await refuse(small.db.desk, 'tickets'),
  };
  const began = Date.now();
  const run = await start(small, { departure: 'unplanned' });
  const first = await planned(small, run);
  expect(first).toMatchObject({ state: 'awaiting-approval', access: { crm: 'blocked', desk: 'blocked' } });
  await acknowledgeAll(small, run);

  // A catalog does something else by the time of the approval: a new plan is made, and asked about again.
  await pass(5);
  await waitFor(small, run, reminded);
  await edit('desk', 'touch: { updated_at: $now }', '# touch: { updated_at: $now }');
  await agree(small, run);
  const anew = await waitFor(
    small,
    run,
    ({ revision, state }) => revision === 2 && state === 'awaiting-approval',
  );
  expect(anew.plan!.digest).not.toBe(first.plan!.digest);

  // Whoever may approve leaves, and decides nothing any more.
  await pass(4);
  await leaves('priya');
  const approve = { plan: anew.plan!.digest };
  expect(await decide(small, run, 'approve', 'priya', approve)).toMatchObject({ verdict: 'refused' });
  await agree(small, run, 'daniel');
  const parked = await atRest(small, run);
  expect(parked.state).toBe('needs-attention');
  expect(failed(parked)).toEqual(['crm/accounts', 'crm/tokens', 'desk/tickets']);

  // One of the three is mended; then another build takes over.
  await pass(7);
  await waitFor(small, run, status => reminded(status) && late(status).includes('hand-over'));
  await traps.accounts.mend();
  await must(small, run, 'retry', 'olivia');
  expect(failed(await atRest(small, run))).toEqual(['crm/tokens', 'desk/tickets']);
  await small.world.restartWorker({ worker: { workflowBundle: builds[1]! } });

  // Another one is mended. From the first step on, what was approved is not done by other means.
  await pass(15);
  await waitFor(small, run, status => escalated(status) && late(status).includes('switch-off'));
  await edit('desk', '# touch: { updated_at: $now }', 'touch: { updated_at: $now }');
  await traps.tokens.mend();
  await must(small, run, 'retry', 'olivia');
  const otherwise = await atRest(small, run);
  expect(failed(otherwise)).toEqual(['desk/tickets']);
  expect(otherwise.steps['desk/tickets']!.message).toMatch(
    /^The catalog of Small desk has changed since this plan was made. Send "amend"/,
  );

  // The successor leaves as well; the first build is back.
  await pass(9);
  await leaves('maya');
  await small.world.restartWorker({ worker: { workflowBundle: builds[0]! } });
  await must(small, run, 'retry', 'olivia');
  expect((await atRest(small, run)).steps['desk/tickets']).toMatchObject({
    state: 'failed',
    message: expect.stringMatching(/Maya Manager is not active.*Send "amend" with another successor/),
  });

  // Somebody else takes over, by the catalog as it is now; what was approved before is none of that.
  await pass(5);
  await must(small, run, 'amend', 'olivia', { successor: mail(small, 'bob') });
  const amended = await waitFor(
    small,
    run,
    ({ revision, state }) => revision === 3 && state === 'awaiting-approval',
  );
  expect(amended.approvals).toEqual([]);
  await pass(5);
  await waitFor(small, run, reminded);
  await agree(small, run, 'daniel');
  expect(failed(await atRest(small, run))).toEqual(['desk/tickets']);

  // The third is mended: only now is anybody switched off.
  await pass(10);
  const { access } = await small.world.offboardings.status(run.run);
  expect(access).toEqual({ crm: 'blocked', desk: 'blocked' });
  await traps.tickets.mend();
  await must(small, run, 'retry', 'olivia');
  const done = await ended(small, run);
  expect(done).toMatchObject({ outcome: 'completed', access: { crm: 'deactivated', desk: 'deactivated' } });
  expect(Date.now() - began).toBeGreaterThan(60 * DAY);

  const { temporal, store } = small.world.worker.deps;
  const { entries } = await store.audit.read(run.offboardingId);
  const bodies = <T>(wanted: string): T[] =>
    entries.filter(({ kind }) => kind === wanted).map(({ body }) => body as T);
  const told = bodies<NoticeEntry>('notice').map(({ notice, on }) => `${notice} ${on}`);
  expect(told).toEqual(
    expect.arrayContaining([
      'waits acknowledgement',
      'waits approval',
      'reminder approval',
      'waits attention',
      'reminder attention',
      'escalation attention',
      'escalation hand-over',
      'escalation switch-off',
    ]),
  );
  // A fresh execution begins no clock anew.
  expect(told.filter(one => one.startsWith('late'))).toEqual(['late hand-over', 'late switch-off']);
  expect(told.filter(one => one === 'escalation hand-over').length).toBeGreaterThan(1);

  const [certificate] = await store.archive.certificates(run.offboardingId);
  expect(certificate!.body).toMatchObject({
    outcome: 'completed',
    access: { crm: 'deactivated', desk: 'deactivated' },
    plan: { revision: 3, digest: amended.plan!.digest },
    approvals: [
      { by: { name: 'Priya Approver' }, plan: { revision: 1 } },
      { by: { name: 'Daniel Approver' }, plan: { revision: 2 } },
      { by: { name: 'Daniel Approver' }, plan: { revision: 3 } },
    ],
    acknowledgements: { 'crm/approvals': { by: { name: 'Olivia Owner' } } },
    steps: expect.arrayContaining([
      expect.objectContaining({ id: 'crm/accounts', state: 'completed', changed: 9 }),
      expect.objectContaining({ id: 'crm/tokens', state: 'completed', changed: 3 }),
      expect.objectContaining({
        id: 'desk/tickets',
        state: 'completed',
        changed: 9,
        successors: [{ label: 'Bob Brook', personId: small.cast.bob.id, items: 9 }],
      }),
    ]),
  });
  const { clocks } = certificate!.body as { clocks: Clock[] };
  expect(clocks.map(({ clock, by, at }) => [clock, at! > by])).toEqual([
    ['access', false],
    ['hand-over', true],
    ['switch-off', true],
  ]);

  const executions = await histories(temporal, run.run);
  expect(executions.length).toBeGreaterThan(2);
  expect(await failedTasks(temporal, run)).toEqual([]);
  const ids = executions.flatMap(({ events }) =>
    (events ?? []).flatMap(event => event.workflowTaskCompletedEventAttributes?.workerVersion?.buildId ?? []),
  );
  expect(new Set(ids).size).toBe(2);
  for (const workflowBundle of builds)
    for (const history of executions)
      await Worker.runReplayHistory(
        { workflowBundle, dataConverter: { payloadConverterPath }, replayName: 'sixty-days' },
        history,
        run.run,
      );

  const cli = await cliOf(small);
  try {
    expect(await cli('audit', run.offboardingId, '--verify')).toMatchObject({ code: 0, err: '' });
    // Which executions have closed is known a moment later.
    await expect
      .poll(
        async () => {
          await small.world.offboardings.archive();
          return (await cli('audit', run.offboardingId, '--verify')).out;
        },
        { timeout: 20_000 },
      )
      .toMatch(new RegExp(`^✓ Verified, .* ${executions.length} archived histories\\.$`, 'm'));
    // What was moved before the successor left is told as well.
    const { out } = await cli('moved', run.offboardingId, '--limit', '200');
    expect(out.match(/ crm\/accounts .* moved +Maya Manager$/gm)).toHaveLength(9);
    expect(out.match(/ desk\/tickets .* moved +Bob Brook$/gm)).toHaveLength(9);
  } finally {
    await cli.remove();
  }
});
