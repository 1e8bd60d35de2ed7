/**
 * `handover check` tries everything that the configuration names, all at once, and says how to mend what is
 * wrong.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Finding } from '../../client/cli/check/finding.js';
import { mail, planned } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { createTestDatabase } from '../support/servers.js';
import { type Cli, cliOf } from './cli.js';

const small = useSmallWorld({ once: true });
let cli: Cli;
beforeAll(async () => {
  cli = await cliOf(small);
});
afterAll(() => cli?.remove());

async function check(
  ...args: string[]
): Promise<{ code: number; ok: boolean; problems: string[]; warnings: string[] }> {
  const ran = await cli('check', '--json', ...args);
  expect(ran.err).toBe('');
  const [{ ok, findings } = { ok: false, findings: [] }] = ran.json() as {
    ok: boolean;
    findings: Finding[];
  }[];
  const of = (state: Finding['state']): string[] =>
    findings.filter(one => one.state === state).map(one => `${one.what}: ${one.says} ${one.mend ?? ''}`);
  return { code: ran.code, ok, problems: of('problem'), warnings: of('warning') };
}

test('a sound installation passes, and what could be better is said', async () => {
  expect(await check()).toMatchObject({ code: 0, ok: true, problems: [] });
  const { code, out } = await cli('check');
  expect(code).toBe(0);
  for (const said of [
    '✓ store',
    '✓ crm',
    '✓ desk',
    '✓ roles',
    '✓ successors',
    '✓ temporal',
    '✓ worker',
    'Nothing stands in the way.',
  ])
    expect(out).toContain(said);
});

test('a column that can hold a person and is in no catalog is a problem, or a warning where coverage is advisory', async () => {
  await small.db.desk.query('create table public.reports (id int primary key, owner_id int)');
  const advisory = await cli.writeConfig('advisory.yaml', config => {
    config.policy.coverage = { desk: 'advisory' };
  });
  try {
    const required = await check();
    expect(required).toMatchObject({ code: 7, ok: false });
    expect(required.problems).toEqual([
      expect.stringContaining(
        'desk: 1 of 4 places that can hold a person is in no catalog: public.reports.owner_id',
      ),
      expect.stringContaining('acknowledged: - { table: public.reports, column: owner_id'),
    ]);
    const allowed = await check('--config', advisory);
    expect(allowed).toMatchObject({ code: 0, problems: [] });
    expect(allowed.warnings.join()).toContain('which the policy allows: public.reports.owner_id');
  } finally {
    await small.db.desk.query('drop table public.reports');
  }
});

test('an archiver’s schedule that is missing, paused or behind is said, and how to mend it', async () => {
  const { temporal } = small.world.worker.deps;
  const { archiveSchedule } = small.world.offboardings.ids;
  const schedule = temporal.schedule.getHandle(archiveSchedule);
  await small.world.offboardings.archive();
  expect((await cli('check')).out).toMatch(/✓ archive +what has closed is archived: looked at/);

  await schedule.pause('while we move house');
  expect(await check()).toMatchObject({
    code: 7,
    problems: [
      `archive: The schedule "${archiveSchedule}" is paused ("while we move house"): nothing that closes is archived. temporal schedule toggle --unpause --schedule-id ${archiveSchedule} --namespace default`,
    ],
  });
  await schedule.unpause();

  await small.db.store.query(`update handover.archive_look set finished = now() - interval '16 minutes'`);
  const behind = await check();
  expect(behind).toMatchObject({ code: 0, problems: [] });
  expect(behind.warnings).toContainEqual(
    expect.stringMatching(
      /^archive: The last look at what has closed ended at .*; there should be one every/,
    ),
  );
  await small.db.store.query(`update handover.archive_look set finished = now() - interval '14 minutes'`);
  expect((await check()).warnings.filter(one => one.startsWith('archive'))).toEqual([]);

  await schedule.delete();
  expect(await check()).toMatchObject({
    code: 7,
    problems: [expect.stringMatching(/^archive: The schedule .* is missing: .*handover worker/)],
  });
  await small.world.restartWorker();
  await expect.poll(async () => (await check()).problems, { timeout: 10_000 }).toEqual([]);
});

test('nobody who can approve what an operator asks for, and who of a pool takes nothing, are named', async () => {
  const { crm, desk } = small.db;
  const { cast } = small;
  await crm.query(`update people set reviews = (id = $1)`, [cast.olivia.id]);
  await desk.query(`update agents set status = 'locked' where id = 20`);
  const file = await cli.writeConfig('pools.yaml', config => {
    const members = ['bob', 'carol', 'dora', 'robot'].map(who => `${who}@small.example`);
    config.successors = [{ category: 'desk/tickets', rule: { 'round-robin': members } }];
  });
  try {
    const { code, problems, warnings: all } = await check('--config', file);
    // The tests' server does not wait for its disk, which is said of both systems.
    const warnings = all.filter(warning => !warning.includes('fsync is off'));
    expect(warnings).toHaveLength(all.length - 2);
    expect([code, problems]).toEqual([0, []]);
    const says = [
      'roles: Only Olivia Owner may approve: nobody can approve what Olivia Owner asks for.',
      'successors[0]: Carol Cole is not active in Small desk and takes nothing over there',
      'successors[0]: Dora Deskless has no account in Small desk and takes nothing over there',
      'successors[0]: Sync Robot is a protected account in Small CRM and takes nothing over there',
    ];
    for (const [n, words] of says.entries()) expect(warnings[n]).toContain(words);
    await crm.query(`update people set reviews = false`);
    expect((await check('--config', file)).problems).toEqual([
      expect.stringContaining('roles: The policy asks for 1 approval, but nobody may approve.'),
    ]);
  } finally {
    await small.refill({});
  }
});

test('everything that is wrong is told in one go', async () => {
  const file = await cli.writeConfig('wrong.yaml', config => {
    config.roles = { operators: 'directory', approvers: ['priya@small.example', 'nobody@small.example'] };
    config.policy.approvals = 3;
    config.successors = [
      { category: 'crm/cars', rule: 'manager' },
      { system: 'erp', rule: 'manager' },
      {
        category: 'crm/accounts',
        rule: {
          match: {
            attribute: 'colour',
            map: { red: 'ghost@small.example' },
            otherwise: 'ines@small.example',
          },
        },
      },
      { category: 'desk/tickets', rule: 'queue:nowhere' },
      { rule: { 'round-robin': ['alice@small.example', 'bob@small.example'] } },
    ];
  });
  const { code, problems, warnings } = await check('--config', file);
  expect(code).toBe(7);
  for (const [n, says] of [
    'roles.approvers: nobody in Small CRM is "nobody@small.example"',
    'roles: The policy asks for 3 approvals, but only Priya Approver may approve',
    'successors[0]: "crm" has no category "cars"',
    'successors[1]: there is no system "erp"',
    'successors[2]: nobody in Small CRM is "ghost@small.example"',
    'successors[2]: crm/accounts has no attribute "colour". Its catalog knows region',
    'successors[3]: desk/tickets has no queue "nowhere"',
  ].entries())
    expect(problems[n]).toContain(says);
  expect(problems).toHaveLength(7);
  expect(warnings.join()).toContain('"ines@small.example" is not active');
});

test('a catalog that does not fit the live system is told with its place in the file', async () => {
  await small.db.crm.query('alter table accounts rename column name to title');
  const { code, problems } = await check();
  await small.db.crm.query('alter table accounts rename column title to name');
  expect(code).toBe(7);
  expect(problems.join('\n')).toMatch(/crm\.yaml:\d+.*name/);
});

test('what is out of reach is told beside what is fine', async () => {
  const elsewhere = await createTestDatabase('empty');
  const env = { ...cli.env };
  const [crm, store] = [small.world.config.systems.crm!.connection!, small.world.config.store.connection];
  try {
    delete cli.env[crm];
    cli.env[store] = elsewhere.url;
    const { code, problems, warnings } = await check('--namespace', 'nowhere');
    expect(code).toBe(7);
    expect(problems).toEqual([
      expect.stringContaining(`crm: The environment variable ${crm} is not set`),
      expect.stringContaining('temporal operator namespace create --namespace nowhere'),
    ]);
    expect(warnings.join('\n')).toContain('It has no tables of Handover yet');
    expect(await cli('audit', 'id:1')).toMatchObject({
      code: 6,
      err: expect.stringContaining('handover worker'),
    });
    expect(await cli('who-owned', '1')).toMatchObject({
      code: 6,
      err: expect.stringContaining('handover worker'),
    });
    cli.env[store] = elsewhere.url.replace(/:\d+\//, ':1/');
    expect((await check()).problems.join('\n')).toMatch(/store: .*does not answer/);
    expect(await cli('audit', 'id:1')).toMatchObject({
      code: 6,
      err: expect.stringContaining('handover check'),
    });
  } finally {
    Object.assign(cli.env, env);
    await elsewhere.drop();
  }
});

test('no password is ever printed', async () => {
  const env = { ...cli.env };
  const store = small.world.config.store.connection;
  cli.env[store] = 'postgresql://somebody:hunter2@127.0.0.1:1/x';
  for (const args of [['check'], ['check', '--json'], ['audit', 'id:1', '--debug'], ['who-owned', '1']]) {
    const { out, err } = await cli(...args);
    expect(out + err).not.toContain('hunter2');
    expect(out + err).not.toContain(small.password);
  }
  Object.assign(cli.env, env);
});

test('a configuration that cannot be read is bad usage, with the line', async () => {
  await writeFile(
    join(cli.dir, 'broken.yaml'),
    'version: 1\ndirectory: crm\nsystems: {}\nstore: { connection: postgres://x }\n',
  );
  const ran = await cli('check', '--config', 'broken.yaml');
  expect(ran).toMatchObject({ code: 2, out: '' });
  expect(ran.err).toMatch(/broken\.yaml:4 store\.connection: .*name an environment variable/);
  expect(await cli('list', '--config', 'missing.yaml')).toMatchObject({
    code: 2,
    err: expect.stringContaining('missing.yaml'),
  });
  expect((await cli('list', '--config', 'missing.yaml', '--json')).json()).toMatchObject([{ exit: 2 }]);
});

test('without a Temporal server every command says so and ends with its own code', async () => {
  const ran = await cli('list', '--address', '127.0.0.1:1');
  expect(ran).toMatchObject({ code: 6, out: '' });
  expect(ran.err).toContain('No Temporal server answers at 127.0.0.1:1');
});

test('without a worker nobody waits for ever, and the answer can be asked for again', async () => {
  const run = small.world.offboardings.ids.offboarding(small.cast.alice.id);
  const request = ['start', mail(small, 'alice'), '--by', mail(small, 'olivia'), '--successor', 'manager'];
  const decision = ['pause', run, '--by', mail(small, 'olivia')];
  const ids = { request: `late-${small.cast.alice.id}`, decision: `late-pause-${small.cast.alice.id}` };
  small.started.add(run);
  await small.world.worker.stop();
  const unanswered = await cli(...request, '--timeout', '1', '--json', '--id', ids.request);
  expect(unanswered.code).toBe(6);
  expect(unanswered.json()).toMatchObject([{ verdict: 'unknown', id: ids.request }]);
  expect(unanswered.err).toContain(`--id ${ids.request}`);
  await small.world.restartWorker();
  expect((await cli(...request, '--json', '--id', ids.request)).json()).toMatchObject([
    { answer: 'started', workflowId: run },
  ]);
  await planned(small, { run, offboardingId: '' });

  await small.world.worker.stop();
  expect(await cli('status', run, '--timeout', '1')).toMatchObject({
    code: 6,
    err: expect.stringContaining('handover worker'),
  });
  expect(await cli(...decision, '--timeout', '1', '--id', ids.decision)).toMatchObject({
    code: 6,
    out: '',
    err: expect.stringContaining(`--id ${ids.decision}`),
  });
  expect(await cli('archive', '--timeout', '1')).toMatchObject({
    code: 6,
    out: '',
    err: expect.stringContaining('goes on by itself'),
  });
  await small.world.restartWorker();
  expect(await cli(...decision, '--id', ids.decision)).toMatchObject({ code: 0 });
  expect((await small.world.offboardings.status(run)).decided).toBe(1);
  expect(await cli('list', '--timeout', 'soon')).toMatchObject({ code: 2 });
});

test('a preview is waited for to its end', async () => {
  small.started.add(small.world.offboardings.ids.offboarding(small.cast.bob.id));
  const ran = await cli(
    'start',
    mail(small, 'bob'),
    '--by',
    mail(small, 'olivia'),
    '--successor',
    'manager',
    '--mode',
    'preview',
    '--wait',
  );
  expect(ran).toMatchObject({ code: 0, out: expect.stringContaining('closed (previewed)') });
});
