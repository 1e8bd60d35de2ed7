/** Policy, standing rules and roles are taken up like catalogs; a plan keeps what it was made with. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readConfig } from '../../runtime/config.js';
import { acknowledgeAll, agree, decide, ended, must, planned, start, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';

/** What somebody does just before steps run, or somebody is switched off. */
let meanwhile: Record<string, () => Promise<unknown>> = {};
const now = async (what: string): Promise<void> => {
  const act = meanwhile[what];
  delete meanwhile[what];
  await act?.();
};

const small = useSmallWorld({
  wrap: activities => ({
    ...activities,
    async runSteps(input: Parameters<typeof activities.runSteps>[0]) {
      await now('steps');
      return activities.runSteps(input);
    },
    async deactivate(input: Parameters<typeof activities.deactivate>[0]) {
      await now(input.system);
      return activities.deactivate(input);
    },
  }),
});
let folder: string;

const MAYA = '{ rule: maya@small.example }';
const BOB = '{ category: desk/tickets, rule: bob@small.example }';
const CAROL = '{ category: desk/tickets, rule: carol@small.example }';

/** The same installation, as its file says it now. */
async function write(rules: string, more = ''): Promise<void> {
  await writeFile(
    join(folder, 'handover.yaml'),
    `version: 1
directory: crm
systems:
  desk: { catalog: desk.yaml, connection: SMALL_DESK_URL }
  crm: { catalog: crm.yaml, connection: SMALL_CRM_URL }
store: { connection: HANDOVER_STORE_URL }
successors: [${rules}]
${more}`,
  );
}

/** Who takes the tickets over by this plan. */
const takers = (status: Awaited<ReturnType<typeof planned>>): string[] =>
  status.plan!.steps.find(({ id }) => id === 'desk/tickets')!.successors.map(({ label }) => label);
const request = { successor: undefined };

const DESK = await readFile('test/small-world/desk.yaml', 'utf8');
/** Somebody edits the catalog: the engine would write a column that nobody has approved. */
const edit = (from: string, to: string): Promise<void> => {
  expect(DESK).toContain(from);
  return writeFile(join(folder, 'desk.yaml'), DESK.replace(from, to));
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'handover-rules-'));
});
beforeEach(async () => {
  await write(`${BOB}, ${MAYA}`);
  const { policy, successors, roles, file } = readConfig(join(folder, 'handover.yaml'));
  const config = { ...small.world.config, policy, successors, roles };
  // The catalogs lie where the small world's own file does.
  config.systems = Object.fromEntries(
    Object.entries(config.systems).map(([name, system]) => [
      name,
      { ...system, catalog: join(process.cwd(), 'test/small-world', `${name}.yaml`) },
    ]),
  );
  config.systems.desk!.catalog = join(folder, 'desk.yaml');
  await writeFile(join(folder, 'desk.yaml'), DESK);
  await small.world.restartWorker({ config: { ...config, file } });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a standing rule that changed opens the approval of the plans that follow it, and of no others', async () => {
  const run = await start(small, request);
  expect(takers(await planned(small, run))).toEqual(['Bob Brook']);
  await write(`${CAROL}, ${MAYA}`);
  await agree(small, run);
  const again = await waitFor(
    small,
    run,
    ({ revision, state }) => revision === 2 && state === 'awaiting-approval',
  );
  expect(takers(again)).toEqual(['Carol Cole']);
  // A rule for somebody else's team is none of this plan's business.
  await write(`{ team: sales, rule: bob@small.example }, ${CAROL}, ${MAYA}`);
  await agree(small, run);
  const { revision, outcome } = await ended(small, run);
  expect([revision, outcome]).toEqual([2, 'completed']);
});

test('a policy that changed opens the approval, and the new plan is approved by the new one', async () => {
  const run = await start(small, request);
  await planned(small, run);
  await write(`${BOB}, ${MAYA}`, 'policy: { approvals: 2 }');
  await agree(small, run);
  const again = await waitFor(
    small,
    run,
    ({ revision, state }) => revision === 2 && state === 'awaiting-approval',
  );
  expect(again.plan!.policy.approvals).toBe(2);
  const { digest: plan } = again.plan!;
  expect((await must(small, run, 'approve', 'priya', { plan })).sentence).toMatch(/^Approval 1 of 2 counted/);
  await must(small, run, 'approve', 'daniel', { plan });
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});

test('roles count as the file gives them now, and a file that cannot be read decides nothing', async () => {
  const run = await start(small, request);
  const { plan } = await planned(small, run);
  await acknowledgeAll(small, run);
  await write(`${BOB}, ${MAYA}`, 'roles: { approvers: [daniel@small.example] }');
  expect(await decide(small, run, 'approve', 'priya', { plan: plan!.digest })).toMatchObject({
    verdict: 'refused',
    sentence: expect.stringContaining('Priya Approver is not one'),
  });
  await write(`${BOB}, ${MAYA}`, 'polici: {}');
  expect(await decide(small, run, 'approve', 'daniel', { plan: plan!.digest })).toMatchObject({
    verdict: 'refused',
    sentence: expect.stringContaining('polici'),
  });
  await write(`${BOB}, ${MAYA}`);
  await must(small, run, 'approve', 'daniel', { plan: plan!.digest });
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed', revision: 1 });
});

test.each([
  ['steps', 'desk/tickets', 'touch: { updated_at: $now }', 'touch: { updated_at: $now, subject: edited }'],
  ['desk', 'desk/deactivate', 'deactivate:\n  set: {', 'deactivate:\n  set: { name: edited,'],
])(
  'a catalog that is edited after the approval writes nothing: just before %s',
  async (when, step, from, to) => {
    const run = await start(small, request);
    await planned(small, run);
    meanwhile = { [when]: () => edit(from, to) };
    await agree(small, run);
    const parked = await ended(small, run);
    expect(parked.state).toBe('needs-attention');
    expect(parked.steps[step]).toMatchObject({
      state: 'failed',
      message: expect.stringMatching(
        /^The catalog of (Small )?desk has changed since th(e|is) plan was made/,
      ),
    });
    const edited = await small.db.desk.query(
      `select 1 from tickets where subject = 'edited' union all select 1 from agents where name = 'edited'`,
    );
    expect(edited.rows).toEqual([]);
    await writeFile(join(folder, 'desk.yaml'), DESK);
    await must(small, run, 'retry', 'olivia');
    expect(await ended(small, run)).toMatchObject({ outcome: 'completed', revision: 1 });
  },
);
