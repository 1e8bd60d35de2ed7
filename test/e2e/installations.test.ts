/**
 * Two installations in one namespace of one Temporal server, with the same people under the same directory
 * ids: each sees its own runs, searches, archive and schedule, and nothing of the other's.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWorker } from '../../workers/worker.js';
import type { Status } from '../../workflows/messages.js';
import { type Cli, cliOf } from '../cli/cli.js';
import { agree, handOver, mail, must, planned, start } from '../small-world/drive.js';
import { fill, SIZES } from '../small-world/seed.js';
import { type SmallWorld, useSmallWorld } from '../small-world/world.js';
import { bundleCache } from '../support/world.js';

const tag = randomBytes(4).toString('hex');
/** One name begins with the other. */
const named = (name: string): SmallWorld =>
  useSmallWorld({
    once: true,
    check: false,
    change: config => {
      config.installation = name;
      config.temporal.taskQueue = name;
    },
  });
const east = named(`acme-${tag}`);
const west = named(`acme-${tag}-west`);
let clis: Record<'east' | 'west', Cli>;

beforeAll(async () => {
  west.cast = east.cast;
  await fill(west.db, west.cast, SIZES);
  clis = { east: await cliOf(east), west: await cliOf(west) };
});
afterAll(async () => {
  await clis?.east.remove();
  await clis?.west.remove();
});

const alice = (small: SmallWorld): string => small.world.offboardings.ids.offboarding(small.cast.alice.id);
const archivedIn = async (small: SmallWorld): Promise<string[]> =>
  (await small.db.store.query('select workflow from handover.archives')).rows.map(row => row.workflow);

async function listed(small: SmallWorld): Promise<string[]> {
  const ids: string[] = [];
  for await (const run of small.world.offboardings.list()) ids.push(run.workflowId);
  return ids;
}

test('the same person leaves both: each run is its own, and both run to the end', async () => {
  const [first, second] = [await start(east), await start(west)];
  expect([first.run, second.run]).toEqual([alice(east), alice(west)]);
  expect(first.run).not.toBe(second.run);
  await Promise.all([planned(east, first), planned(west, second)]);

  // A message to one is none to the other.
  await must(east, first, 'amend', 'olivia', { successor: mail(east, 'bob') });
  await must(west, second, 'pause', 'olivia');
  const successor = ({ order }: Status): unknown => order.successor;
  const [inEast, inWest] = [
    await east.world.offboardings.status(first.run),
    await west.world.offboardings.status(second.run),
  ];
  expect(successor(inEast)).not.toEqual(successor(inWest));
  expect([inEast.pausedBy, inWest.pausedBy?.id]).toEqual([null, west.cast.olivia.id]);
  await must(west, second, 'resume', 'olivia');

  for (const [small, run] of [
    [east, first],
    [west, second],
  ] as const) {
    await planned(small, run);
    await agree(small, run);
    expect(await small.world.offboardings.result(run.run)).toMatchObject({
      outcome: 'completed',
      access: { crm: 'deactivated', desk: 'deactivated' },
    });
  }
});

test('lists, searches and names are each installation’s own', async () => {
  await expect.poll(() => listed(east), { timeout: 20_000 }).toEqual([alice(east)]);
  await expect.poll(() => listed(west), { timeout: 20_000 }).toEqual([alice(west)]);
  for (const [cli, small, other] of [
    [clis.east, east, west],
    [clis.west, west, east],
  ] as const) {
    const found = await cli('list', '--json', '--leaver', mail(small, 'alice'));
    expect(found.json().map(run => run.workflowId)).toEqual([alice(small)]);
    // However a condition is written, it opens nothing of the other's.
    const wide = await cli(
      'list',
      '--json',
      '--query',
      'OffboardingMode = "preview" or OffboardingState != ""',
    );
    expect(wide.json().map(run => run.workflowId)).toEqual([alice(small)]);
    expect(await cli('status', mail(small, 'alice'))).toMatchObject({
      code: 0,
      out: expect.stringContaining('completed'),
    });
    const foreign = `${alice(other)} is an offboarding of the installation "${other.world.config.installation}", and this one is "${small.world.config.installation}".`;
    for (const command of [
      ['status', alice(other)],
      ['audit', alice(other)],
      ['archive', alice(other)],
      ['pause', alice(other), '--by', mail(small, 'olivia')],
    ])
      expect(await cli(...command)).toMatchObject({ code: 2, err: expect.stringContaining(foreign) });
    await expect(small.world.offboardings.status(alice(other))).rejects.toThrow(foreign);
  }
});

/** Lists of closed runs follow a little late: looks until the run is there, and it alone. */
async function archivesOwn(small: SmallWorld): Promise<void> {
  const look = async (): Promise<string[]> => {
    await small.world.offboardings.archive();
    return archivedIn(small);
  };
  await expect.poll(look, { timeout: 20_000 }).toEqual([alice(small)]);
}

test('each archives its own, and the other’s schedule says nothing about it', async () => {
  await archivesOwn(east);
  // Its own schedule may have looked meanwhile.
  expect(await archivedIn(west)).not.toContain(alice(east));
  // A look that somebody starts for the other's runs finds nothing of its own.
  const { temporal } = east.world.worker.deps;
  const report = await temporal.workflow.execute('archiveClosed', {
    taskQueue: east.world.config.temporal.taskQueue,
    workflowId: east.world.offboardings.ids.look('the-others'),
    args: [{ workflowId: alice(west) }],
  });
  expect(report).toMatchObject({ stored: 0, failures: [] });
  await archivesOwn(west);

  const schedule = temporal.schedule.getHandle(east.world.offboardings.ids.archiveSchedule);
  await schedule.pause('for a moment');
  expect(await clis.east('check')).toMatchObject({ code: 7, out: expect.stringContaining('is paused') });
  expect(await clis.west('check')).toMatchObject({ code: 0 });
  await schedule.unpause();
});

test('a run that is started under an id of the other is refused, and nothing is done for it', async () => {
  const { temporal } = east.world.worker.deps;
  const { carol, olivia } = east.cast;
  const workflowId = west.world.offboardings.ids.offboarding(carol.id);
  const offboardingId = '6b0f4b6a-3d5e-4c7e-9d3a-1f2e3d4c5b6a';
  const people = Object.fromEntries(
    Object.entries({ leaver: carol, requester: olivia }).map(([role, { id, name }]) => [
      role,
      { id, name, human: id },
    ]),
  );
  const report = await temporal.workflow.execute('offboardUser', {
    taskQueue: east.world.config.temporal.taskQueue,
    workflowId,
    args: [{ offboardingId, order: { user: carol.email, requestedBy: olivia.email }, ...people }],
  });
  expect(report).toMatchObject({
    outcome: 'refused',
    sentence: expect.stringContaining(
      `${workflowId} is an offboarding of the installation "${west.world.config.installation}", and this one is "${east.world.config.installation}".`,
    ),
  });
  for (const small of [east, west])
    expect((await small.db.store.query('select 1 from handover.open_runs')).rowCount).toBe(0);
});

test('a store that is used under a second name is refused, by a worker and by check', async () => {
  const refusal = `This store is that of the installation "${east.world.config.installation}"`;
  const config = structuredClone(east.world.config);
  config.installation = west.world.config.installation;
  await expect(
    startWorker({ config, env: east.world.env, cacheDir: bundleCache, log: () => {} }),
  ).rejects.toThrow(refusal);
  const file = await clis.east.writeConfig('renamed.yaml', renamed => {
    renamed.installation = 'renamed';
  });
  const checked = await clis.east('check', '--config', file);
  expect(checked).toMatchObject({ code: 7, out: expect.stringContaining(refusal) });
  // Under its own name it goes on.
  await east.world.restartWorker();
  expect(await handOver(east, { user: mail(east, 'bob'), mode: 'execute-only' })).toBeDefined();
});
