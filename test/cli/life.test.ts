/** The command line carries a run through its life: ask, look, decide, watch, audit. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { acknowledgeAll, agree, ended, mail, planned, start, waitFor } from '../small-world/drive.js';
import { refuse, trap } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';
import { type Cli, cliOf } from './cli.js';
import { wordsOf } from './printed.js';

const small = useSmallWorld();
let cli: Cli;
beforeAll(async () => {
  cli = await cliOf(small);
});
afterAll(() => cli?.remove());

const olivia = (): string[] => ['--by', mail(small, 'olivia')];
const priya = (): string[] => ['--by', mail(small, 'priya')];
const alice = (): string => mail(small, 'alice');
const run = (): string => small.world.offboardings.ids.offboarding(small.cast.alice.id);

async function startByHand(...options: string[]): Promise<void> {
  small.started.add(run());
  const started = await cli('start', alice(), ...olivia(), '--successor', 'manager', ...options);
  expect(started).toMatchObject({ code: 0, err: '' });
  await planned(small, { run: run(), offboardingId: '' });
}

test('a person is handed over by commands alone, and every command says what fits next', async () => {
  await startByHand('--successors', `crm/accounts=${mail(small, 'bob')}`, '--note', 'moves to Lisbon');

  const status = await cli('status', alice());
  expect(status.code).toBe(0);
  expect(status.out).toContain('9 Accounts → Bob Brook');
  const acknowledge = status.out.match(/handover (acknowledge \S+( \S+\/\S+)+) --by …/)?.[1];
  expect(acknowledge).toBeDefined();
  expect(await cli(...acknowledge!.split(' '), ...olivia())).toMatchObject({ code: 0, err: '' });

  const approve = status.out.match(/handover (approve \S+ [0-9a-f]{12}) --by …/)?.[1];
  expect(approve).toBeDefined();
  expect(await cli(...approve!.split(' '), ...priya())).toMatchObject({
    code: 0,
    out: expect.stringContaining('Approved (1 of 1)'),
  });

  const watched = await cli('status', run(), '--watch');
  expect(watched).toMatchObject({ code: 0, err: '' });
  expect(watched.out).toContain('closed (completed)');
  expect(watched.out).toMatch(/Small CRM \(.*\): switched off/);
  await ended(small, { run: run(), offboardingId: '' });
});

test('a request with a mistake is told at once and starts nothing', async () => {
  for (const [args, says] of [
    [['--mode', 'gently'], 'mode'],
    [['--at', 'tomorrow'], 'write a date like 2026-12-24'],
    [['--successors', 'bob'], '--successors takes'],
    [['--successors', '{"crm": '], 'The JSON of --successors cannot be read'],
    [['--override', 'crm/accounts:17'], '--override takes "system/category:key=who"'],
    [['--planned', '--unplanned'], 'either --planned or --unplanned'],
    [['--colour', 'red'], "unknown option '--colour'"],
  ] as const) {
    const ran = await cli('start', alice(), ...olivia(), ...args);
    expect(ran, args.join(' ')).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain(says);
  }
  expect(await cli('start', alice())).toMatchObject({
    code: 2,
    err: expect.stringContaining('--by <you>'),
  });
  expect(await cli('status', run())).toMatchObject({ code: 4 });
});

test('a request that the front door refuses says why, and a second one points to the open run and the amend', async () => {
  expect(await cli('start', 'nobody@small.example', ...olivia())).toMatchObject({
    code: 3,
    err: expect.stringContaining('Nobody in Small CRM'),
  });
  expect(await cli('start', alice(), '--by', alice())).toMatchObject({
    code: 3,
    err: expect.stringContaining('Nobody offboards themselves'),
  });
  await startByHand();
  const second = await cli('start', alice(), ...olivia(), '--successor', mail(small, 'bob'), '--json');
  expect(second.code).toBe(3);
  expect(second.json()).toMatchObject([
    { answer: 'already-running', workflowId: run(), amend: { successor: mail(small, 'bob') } },
  ]);
});

test('asking again with the same id sends no second request', async () => {
  const first = await cli(
    'start',
    alice(),
    ...olivia(),
    '--successor',
    'manager',
    '--json',
    '--id',
    `again-${small.cast.alice.id}`,
  );
  small.started.add(run());
  const second = await cli(
    'start',
    alice(),
    ...olivia(),
    '--successor',
    'manager',
    '--json',
    '--id',
    `again-${small.cast.alice.id}`,
  );
  expect(first.json()[0]).toMatchObject({ answer: 'started' });
  expect(second.json()).toEqual(first.json());
});

test('a run is found by workflow id, directory id, offboarding id, e-mail and login, and two meanings are not guessed', async () => {
  const { offboardingId } = await start(small);
  for (const name of [
    run(),
    small.cast.alice.id,
    `id:${small.cast.alice.id}`,
    offboardingId,
    alice(),
    'alice',
  ]) {
    const ran = await cli('status', name, '--json');
    expect(ran.code, name).toBe(0);
    expect(ran.json()[0]).toMatchObject({ offboardingId });
  }
  expect(await cli('status', 'alice-admin')).toMatchObject({
    code: 4,
    err: expect.stringContaining('Alice Anders (admin)'),
  });
  expect(await cli('status', 'nobody')).toMatchObject({
    code: 4,
    err: expect.stringContaining('handover start'),
  });
  expect(await cli('status', '00000000-0000-4000-8000-000000000000')).toMatchObject({ code: 4 });
  await small.db.crm.query('update people set login = $1 where id = $2', [
    small.cast.alice.id,
    small.cast.bob.id,
  ]);
  const both = await cli('status', small.cast.alice.id);
  expect(both.code).toBe(2);
  expect(both.err).toContain(`Bob Brook (id:${small.cast.bob.id})`);
  await small.db.crm.query('update people set login = $1 where id = $2', ['bob', small.cast.bob.id]);
});

test('runs are listed by state, by what they wait for and by leaver', async () => {
  await planned(small, await start(small));
  const id = ['--leaver', alice()];
  await expect
    .poll(async () => (await cli('list', '--json', ...id, '--waiting-on', 'acknowledgement')).json().length, {
      timeout: 10_000,
    })
    .toBe(1);
  const found = await cli('list', '--json', '--state', 'awaiting-approval', ...id);
  expect(found.json()).toMatchObject([
    { workflowId: run(), state: 'awaiting-approval', remaining: expect.any(Number) },
  ]);
  const table = await cli('list', '--open', ...id);
  expect(table.out).toMatch(/^RUN +STATE +WAITS FOR/);
  expect(table.out).toContain(run());
  expect(await cli('list', ...id, '--state', 'closed')).toMatchObject({ code: 0, out: 'No runs fit.\n' });
  expect(await cli('list', ...id, '--state', 'asleep')).toMatchObject({
    code: 2,
    err: expect.stringContaining('needs-attention'),
  });
  expect(await cli('list', '--query', 'Nonsense = 1')).toMatchObject({
    code: 2,
    err: expect.stringContaining('Nonsense'),
  });
  expect(await cli('list', '--limit', 'all')).toMatchObject({ code: 2 });
  expect(await cli('list', '--leaver', 'nobody@small.example')).toMatchObject({ code: 4 });
});

test('items come page by page in key order, each with its successor', async () => {
  const key = (n: number): string => String(BigInt(small.cast.alice.id) * 100n + BigInt(n));
  await planned(
    small,
    await start(small, { overrides: { 'crm/accounts': { [key(3)]: mail(small, 'bob') } } }),
  );
  const seen: Record<string, unknown>[] = [];
  let after: string[] = [];
  for (let page = 0; page < 5; page++) {
    const lines = (await cli('items', run(), 'crm/accounts', '--limit', '4', '--json', ...after)).json();
    seen.push(...lines.filter(line => 'key' in line));
    const next = lines.at(-1)?.next;
    if (next === undefined) break;
    after = ['--after', String(next)];
  }
  expect(seen.map(item => item.key)).toEqual(Array.from({ length: 9 }, (_, n) => key(n)));
  expect(seen.map(item => (item.successor as { label: string }).label)).toEqual(
    Array.from({ length: 9 }, (_, n) => (n === 3 ? 'Bob Brook' : 'Maya Manager')),
  );
  const searched = await cli('items', alice(), 'crm/accounts', '--search', 'ccount 7');
  expect(searched.out).toMatch(/Account 7 +Maya Manager/);
  expect(searched.out).not.toContain('Account 6');
  // Composite keys are JSON, and go on where they stopped.
  const fields = (await cli('items', run(), 'crm/fields', '--limit', '2', '--json')).json();
  expect(await cli('items', run(), 'crm/fields', '--after', String(fields.at(-1)!.next))).toMatchObject({
    code: 0,
  });
  // For people the next page stands there as a whole command.
  const paged = await cli('items', run(), 'crm/fields', '--limit', '2');
  const more = paged.out.match(/^There are more: (handover items .+)$/m)?.[1];
  const second = await cli(...wordsOf(more!));
  expect(second).toMatchObject({ code: 0, err: '' });
  expect(second.out).not.toBe(paged.out);
  // Somebody without a run.
  expect(await cli('items', 'bob', 'crm/accounts')).toMatchObject({
    code: 0,
    out: expect.not.stringContaining('SUCCESSOR'),
  });
  expect(await cli('items', 'dora', 'desk/tickets')).toMatchObject({
    code: 4,
    err: expect.stringContaining('has no account'),
  });
  expect(await cli('items', run(), 'crm/cars')).toMatchObject({
    code: 4,
    err: expect.stringContaining('accounts, fields'),
  });
  expect(await cli('items', run(), 'erp/cars')).toMatchObject({
    code: 4,
    err: expect.stringContaining('desk, crm'),
  });
  expect(await cli('items', run(), 'accounts')).toMatchObject({ code: 2 });
});

test('nothing is approved, rejected or confirmed without naming the plan', async () => {
  await planned(small, await start(small));
  const { plan } = await small.world.offboardings.status(run());
  const digest = plan!.digest.slice(0, 12);
  for (const name of ['approve', 'reject', 'execute']) {
    const ran = await cli(name, run(), ...priya());
    expect(ran.code).toBe(2);
    expect(ran.out).toContain('Offboarding of Alice Anders');
    expect(ran.err).toContain(`handover ${name} ${run()} ${digest} --by ${mail(small, 'priya')}\n`);
  }
  expect((await small.world.offboardings.status(run())).decided).toBe(0);
  expect(await cli('approve', run(), 'abc', ...priya())).toMatchObject({ code: 2 });
  expect(await cli('approve', run(), '0123456789ab', ...priya())).toMatchObject({
    code: 3,
    err: expect.stringContaining('the plan is now'),
  });
  expect(await cli('approve', run(), digest, '--by', mail(small, 'bob'))).toMatchObject({
    code: 3,
    err: expect.stringContaining('Bob Brook is not one'),
  });
  expect(await cli('execute', run(), '--plan', digest, ...olivia())).toMatchObject({
    code: 3,
    err: expect.stringContaining('no second confirmation'),
  });
  const accepted = await cli('approve', run(), '--plan', digest, ...priya(), '--json', '--note', 'fine');
  expect(accepted).toMatchObject({ code: 0, err: '' });
  expect(accepted.json()).toMatchObject([
    { run: run(), message: 'approve', verdict: 'accepted', plan: plan!.digest },
  ]);
});

test('a rejected run ends a watch with its own code, and decides nothing more', async () => {
  await planned(small, await start(small));
  expect(await cli('status', run(), '--watch')).toMatchObject({
    code: 5,
    out: expect.stringContaining('What fits now'),
  });
  const { plan } = await small.world.offboardings.status(run());
  expect(await cli('reject', run(), plan!.digest, ...priya(), '--note', 'not before June')).toMatchObject({
    code: 0,
  });
  await small.world.offboardings.result(run());
  const watched = await cli('status', run(), '--watch', '--json');
  expect(watched.code).toBe(8);
  expect(watched.json().at(-1)).toMatchObject({ state: 'closed', outcome: 'rejected' });
  expect(await cli('pause', run(), ...olivia())).toMatchObject({
    code: 3,
    err: expect.stringContaining('is closed (rejected)'),
  });
});

test('acknowledging names what was seen, or everything that is open', async () => {
  await planned(small, await start(small));
  expect(await cli('acknowledge', run(), ...olivia())).toMatchObject({
    code: 2,
    err: expect.stringContaining('--all'),
  });
  expect(await cli('acknowledge', run(), 'crm/cars', ...olivia())).toMatchObject({
    code: 3,
    err: expect.stringContaining('open are'),
  });
  expect(await cli('acknowledge', run(), '--all', ...olivia())).toMatchObject({
    code: 0,
    out: expect.stringContaining('2 Pending approvals'),
  });
  expect(await cli('acknowledge', run(), '--all', ...olivia())).toMatchObject({
    code: 0,
    out: 'Nothing is waiting to be acknowledged.\n',
  });
});

test('an amendment makes a new plan, and a paused run waits for resume', async () => {
  const started = await start(small);
  const before = await planned(small, started);
  const key = `${BigInt(small.cast.alice.id) * 100n}`;
  expect(
    await cli(
      'amend',
      run(),
      ...olivia(),
      '--override',
      `crm/accounts:${key}=${mail(small, 'carol')}`,
      '--successors',
      `{"desk": "${mail(small, 'bob')}"}`,
    ),
  ).toMatchObject({ code: 0 });
  const after = await waitFor(
    small,
    started,
    status => status.revision > before.revision && status.state === 'awaiting-approval',
  );
  expect(after.order).toMatchObject({
    overrides: { 'crm/accounts': { [key]: mail(small, 'carol') } },
    successors: { desk: mail(small, 'bob') },
  });
  expect(await cli('pause', run(), ...olivia())).toMatchObject({ code: 0 });
  expect(await cli('status', run(), '--watch')).toMatchObject({
    code: 5,
    out: expect.stringContaining('Paused by Olivia Owner'),
  });
  expect(await cli('resume', run(), ...olivia())).toMatchObject({ code: 0 });
  expect(await cli('resume', run(), ...olivia())).toMatchObject({
    code: 3,
    err: expect.stringContaining('not paused'),
  });
});

test('a parked run is watched to its halt, skipped with reasons, retried and finished', async () => {
  const mischief = await refuse(small.db.crm, 'accounts');
  const started = await start(small);
  await planned(small, started);
  await agree(small, started);
  const parked = await cli('status', run(), '--watch');
  expect(parked.code).toBe(5);
  expect(parked.out).toContain('✗ crm/accounts: failed');
  expect(parked.out).toMatch(/handover skip \S+ crm\/accounts --by … --reason/);
  expect(await cli('skip', run(), 'crm/accounts', ...olivia())).toMatchObject({
    code: 2,
    err: expect.stringContaining('--reason'),
  });
  expect(await cli('skip', run(), 'crm/accounts', '--reason', 'sold next week', ...olivia())).toMatchObject({
    code: 0,
  });
  expect(await cli('retry', run(), ...olivia())).toMatchObject({ code: 0 });
  await waitFor(small, started, status => status.retries === 1 && status.state === 'needs-attention');
  expect(await cli('finish', run(), '--reason', 'by hand from here', ...olivia())).toMatchObject({ code: 0 });
  await small.world.offboardings.result(run());
  expect(await cli('status', run(), '--watch')).toMatchObject({
    code: 8,
    out: expect.stringContaining('completed-partially'),
  });
  await mischief.mend();
});

test('a blocked leaver is given back their sign-in only when that is said', async () => {
  const started = await start(small, { departure: 'unplanned' });
  await planned(small, started);
  expect(await cli('cancel', run(), ...olivia())).toMatchObject({
    code: 3,
    err: expect.stringContaining('"restore"'),
  });
  expect(await cli('cancel', run(), ...olivia(), '--access', 'later')).toMatchObject({ code: 2 });
  expect(await cli('cancel', run(), ...olivia(), '--access', 'restore')).toMatchObject({ code: 0 });
  await small.world.offboardings.result(run());
  const { rows } = await small.db.crm.query('select status from people where id = $1', [small.cast.alice.id]);
  expect(rows).toEqual([{ status: 'active' }]);
});

test('on a terminal there are bars and colours, in a pipe there are neither', async () => {
  const slow = await trap(small.db.crm, 'accounts', 'perform pg_sleep(0.7);');
  const started = await start(small);
  await planned(small, started);
  await agree(small, started);
  const [bars, lines] = await Promise.all([
    cli.onTerminal({}, 'status', run(), '--watch'),
    cli('status', run(), '--watch'),
  ]);
  await slow.mend();
  expect(bars).toMatchObject({ code: 0 });
  expect(bars.out).toMatch(/[█░]{24}.* of 9 +Accounts/);
  expect(bars.out).toContain('\u001b[32m✓\u001b[39m');
  expect(lines).toMatchObject({ code: 0 });
  expect(lines.out).toContain('✓ crm/accounts: completed, 9 done');
  expect(lines.out).not.toContain('\u001b');
  expect((await cli.onTerminal({ NO_COLOR: '1' }, 'status', run())).out).not.toContain('\u001b[');
  await ended(small, started);
});

test('names and titles from elsewhere cannot steer the terminal', async () => {
  await small.db.crm.query('update accounts set name = $1 where owner_id = $2', [
    '\u001b[2Jgone\nRUN\u202e',
    small.cast.alice.id,
  ]);
  await small.db.crm.query('update people set full_name = $1 where id = $2', [
    'Mal\u001b]0;owned\u0007lory\nApproved',
    small.cast.bob.id,
  ]);
  const started = await start(small, { successor: mail(small, 'bob') });
  await planned(small, started);
  await acknowledgeAll(small, started);
  const items = await cli('items', run(), 'crm/accounts', '--limit', '1');
  expect(items.out.split('\n')[1]).toMatch(/gone RUN +Mallory Approved/);
  for (const ran of [
    items,
    await cli.onTerminal({ NO_COLOR: '1' }, 'status', run()),
    await cli('items', run(), 'crm/accounts', '--json'),
  ]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the claim
    expect(ran.out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  }
  await small.db.crm.query('update people set full_name = $1 where id = $2', [
    'Bob Brook',
    small.cast.bob.id,
  ]);
});
