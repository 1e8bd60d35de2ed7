/**
 * Who a person is in a system: by values that are theirs alone, however they are written, over all of their
 * accounts, and again before every effect. Whatever is not certain is a question with a name.
 */
import { expect, test } from 'vitest';
import { tree } from '../../domain/tree.js';
import { useLookAlikes } from '../look-alikes/world.js';

const it = useLookAlikes();

const held = async (table: string): Promise<Record<string, number>> => {
  const column = { cards: 'member', pins: 'owner', memos: 'author', drafts: 'author' }[table]!;
  const ask = table === 'cards' || table === 'pins' ? it.board : it.staff;
  const rows = await ask(
    `select ${column}::text as who, count(*)::int as n from ${table} group by 1 order by 1`,
  );
  return Object.fromEntries(rows.map(({ who, n }) => [String(who), Number(n)]));
};
const active = async (id: number): Promise<unknown> =>
  (await it.board('select active from members where id = $1', [id]))[0]?.active;
const codes = (status: { findings: { code: string }[] }): string[] => status.findings.map(({ code }) => code);

// --- a value is not an identity ----------------------------------------------------------------------------
test.each(['', '  ', '\u00a0'])(
  'an empty e-mail (%j) is nobody’s: whoever has one too keeps everything',
  async nothing => {
    await it.staff('update employees set mail = $1 where no = :zoe', [nothing]);
    await it.board('update members set mail = $1, name = $2 where id = 17', [nothing, 'Somebody else']);
    expect(codes(await it.ask())).toEqual([]);
    expect(await it.agree()).toMatchObject({ outcome: 'completed' });
    expect(await held('cards')).toEqual({ 17: 4 });
    expect(await active(17)).toBe(true);
  },
);

test('an e-mail that several people have identifies nobody: it is asked whose account it is', async () => {
  await it.staff(`update employees set mail = 'none@corp.example' where no in (:zoe, :kim)`);
  await it.board(
    `update members set mail = 'none@corp.example' where id = 17; delete from members where id = 19`,
  );
  await it.staff(`insert into memos values (1, 'none@corp.example')`);
  const status = await it.ask({ systems: ['board'] });
  expect(codes(status)).toEqual(['account-ambiguous']);
  expect(status.findings[0]!.message).toMatch(/Zoe \(17\): its e-mail is one that other people have too/);
  expect(await held('cards')).toEqual({ 17: 4 });
});

test('that nobody there is theirs can be said, as the question offers: the account is left out by name', async () => {
  await it.staff(`update employees set mail = 'none@corp.example' where no in (:zoe, :kim)`);
  await it.board(
    `update members set mail = 'none@corp.example' where id = 17; delete from members where id = 19`,
  );
  expect((await it.ask()).findings[0]!.message).toContain('[] where none is');
  await it.say('amend', 'ola', { identities: { board: { user: [] }, staff: { mail: [] } } });
  const planned = await it.until(({ state }) => state === 'awaiting-approval');
  expect(tree(planned).join('\n')).toMatch(
    /left out: Zoe \(17\): its e-mail is one that other people have too/,
  );
  expect(await it.agree()).toMatchObject({ outcome: 'completed' });
  expect([await held('cards'), await active(17)]).toEqual([{ 17: 4 }, true]);
});

test('somebody without an e-mail is found by login, and is in the directory by their entry', async () => {
  await it.staff('update employees set mail = null where no = :zoe');
  await it.board(`update members set mail = null, nick = 'ZOE' where id = 17`);
  expect(codes(await it.ask())).toEqual([]);
  expect(await it.agree()).toMatchObject({ outcome: 'completed' });
  expect(await held('cards')).toEqual({ 18: 4 });
  expect(await it.staff('select works from employees where no = :zoe')).toEqual([{ works: false }]);
});

test('two rules that name two accounts are a question', async () => {
  await it.board(`update members set nick = 'zoe' where id = 19`);
  const status = await it.ask();
  expect(codes(status)).toEqual(['account-ambiguous']);
  expect(status.findings[0]!.message).toMatch(/Zoe \(17\), Kim \(19\).*"user":\["17","19"\]/);
});

// --- written in another way --------------------------------------------------------------------------------
test('an e-mail is the same however it is written: accounts and owners alike', async () => {
  await it.staff(`update employees set mail = $1 where no = :zoe`, ['zo\u00eb@corp.example']);
  await it.board('update members set mail = $1 where id = 17', ['Zoe\u0308@Corp.example ']);
  await it.staff('insert into memos values (1, $1), (2, $2), (3, $3), (4, $4)', [
    'zo\u00eb@corp.example',
    'ZOE\u0308@CORP.EXAMPLE',
    ' zo\u00eb@corp.example',
    'kim@corp.example',
  ]);
  await it.ask();
  expect(await it.agree()).toMatchObject({ outcome: 'completed' });
  expect(await held('memos')).toEqual({ 'ben@corp.example': 3, 'kim@corp.example': 1 });
  expect(await held('cards')).toEqual({ 18: 4 });
  expect(await active(17)).toBe(false);
});

test('a trigger may write the successor its own way, where the column’s type finds both equal', async () => {
  await it.board(`update members set mail = 'Ben@Corp.example' where id = 18;
    insert into pins values (1, 'Zoe@corp.example'), (2, 'zoe@corp.example'), (3, 'kim@corp.example')`);
  await it.ask();
  expect(await it.agree()).toMatchObject({ outcome: 'completed' });
  expect(await held('pins')).toEqual({ 'ben@corp.example': 2, 'kim@corp.example': 1 });
});

// --- several accounts, several values ----------------------------------------------------------------------
test('every name that a person has had counts', async () => {
  await it.staff(`insert into nicknames values ('zoe.miller', :zoe);
    insert into drafts values (1, 'zoe'), (2, 'zoe.miller'), (3, 'zoe.miller'), (4, 'ben')`);
  expect(codes(await it.ask())).toEqual([]);
  expect(await it.agree()).toMatchObject({ outcome: 'completed' });
  expect(await held('drafts')).toEqual({ ben: 4 });
});

test('an account that is left out is named, acknowledged, and never "nothing is left"', async () => {
  await it.board(
    `insert into members (id, name, mail) values (72, 'Zoe Z.', 'ZOE@corp.example'); insert into cards values (9, 72)`,
  );
  expect(codes(await it.ask())).toEqual(['account-ambiguous']);
  await it.say('amend', 'ola', { identities: { board: { user: '17' } } });
  const status = await it.until(({ state }) => state === 'awaiting-approval');
  expect(status.next.find(({ message }) => message === 'acknowledge')?.json.category).toContain(
    'board/others',
  );
  expect(tree(status).join('\n')).toMatch(
    /Board \(Zoe \(17\), mail zoe@corp.example\)[\s\S]*left out: Zoe Z\. \(72\): it fits as well/,
  );
  const closed = await it.agree();
  expect(closed).toMatchObject({ outcome: 'completed' });
  expect(closed.sentence).not.toContain('nothing is left');
  expect(closed.sentence).toContain('Left out although it may be theirs, as acknowledged: 1 in board.');
  expect([await active(17), await active(72)]).toEqual([false, true]);
});

test('several entries of one human being in the directory are all switched off', async () => {
  await it.staff(`update employees set person_no = 'P1' where no = :zoe;
    insert into employees (no, name, mail, person_no, signs) values (:zoe + 9, 'Zoe (admin)', 'zoe.admin@corp.example', 'P1', true)`);
  await it.board(`update members set mail = 'zoe.admin@corp.example' where id = 17`);
  await it.ask();
  expect(await it.agree()).toMatchObject({ outcome: 'completed' });
  expect([await held('cards'), await active(17)]).toEqual([{ 18: 4 }, false]);
  expect(await it.staff('select name from employees where not works order by no')).toEqual([
    { name: 'Zoe Zimmer' },
    { name: 'Zoe (admin)' },
  ]);
});

// --- found again before every look and every effect --------------------------------------------------------
/** Approved, and held back by a pause until `meanwhile` has happened. */
async function meanwhile(happens: () => Promise<unknown>): Promise<Awaited<ReturnType<typeof it.ask>>> {
  const planned = await it.ask();
  expect(codes(planned)).toEqual([]);
  await happens();
  return it.agree();
}

test('things that bear what the directory knows somebody by are theirs, whatever their account says', async () => {
  await it.board(`update members set mail = 'zoe.maiden@corp.example', nick = 'zoe' where id = 17;
    insert into pins values (1, 'zoe.maiden@corp.example'), (2, 'zoe@corp.example'), (3, 'kim@corp.example')`);
  const planned = await it.ask();
  expect(tree(planned).join('\n')).toContain('mail zoe.maiden@corp.example and zoe@corp.example');
  expect(await it.agree()).toMatchObject({ outcome: 'completed' });
  expect(await held('pins')).toEqual({ 'ben@corp.example': 2, 'kim@corp.example': 1 });
});

test('somebody without an account may own things by their address', async () => {
  await it.board(
    `delete from members where id = 17; delete from cards; insert into pins values (1, 'zoe@corp.example')`,
  );
  expect(codes(await it.ask())).toEqual([]);
  expect(await it.agree()).toMatchObject({ outcome: 'completed' });
  expect(await held('pins')).toEqual({ 'ben@corp.example': 1 });
});

test('what comes to somebody who had no account and nothing keeps the leaver active, by name', async () => {
  await it.board('delete from members where id = 17; delete from cards');
  const planned = await it.ask();
  await it.board(`insert into pins values (1, 'zoe@corp.example')`);
  await it.say('approve', 'pam', { plan: planned.plan!.digest });
  const again = await it.until(({ state, revision }) => state === 'awaiting-approval' && revision > 1);
  expect(tree(again).join('\n')).toContain('mail zoe@corp.example');
  expect(await it.staff('select works from employees where no = :zoe')).toEqual([{ works: true }]);
});

test('an address that was given to somebody else since does not replace who was to take over', async () => {
  const planned = await it.ask({ successor: 'ben@corp.example' });
  expect(planned.state).toBe('awaiting-approval');
  await it.staff(`update employees set mail = 'ben.berg@corp.example' where no = :ben;
    update employees set mail = 'ben@corp.example' where no = :kim`);
  await it.board(`update members set mail = 'ben.berg@corp.example' where id = 18;
    update members set mail = 'ben@corp.example' where id = 19`);
  await it.say('amend', 'ola', { departure: 'unplanned' });
  const says = `means Kim Kern (id:${it.zoe() + 4}) now`;
  const asked = await it.until(({ findings }) => findings.some(({ message }) => message.includes(says)));
  expect(asked.findings[0]!.message).toContain(
    `"ben@corp.example" meant the person with the id ${it.zoe() + 1} in an earlier plan of this run`,
  );
  await it.say('amend', 'ola', { successor: `id:${it.zoe() + 1}`, departure: 'planned' });
  await it.until(({ state }) => state === 'awaiting-approval');
  expect(await it.agree()).toMatchObject({ outcome: 'completed' });
  expect(await held('cards')).toEqual({ 18: 4 });
});

test('an account that was theirs while something else was a question is not forgotten when it vanishes', async () => {
  await it.staff(`update employees set mail = '' where no = :zoe`);
  await it.board(`update members set nick = 'zoe' where id = 17;
    insert into members (id, name, mail) values (71, 'Zoe Z.', 'zoe@corp.example'); insert into cards values (9, 71)`);
  expect(codes(await it.ask())).toEqual(['account-ambiguous']);
  await it.board('delete from members where id = 17');
  await it.say('amend', 'ola', { identities: { board: { user: '71' } } });
  await it.until(({ state }) => state === 'awaiting-approval');
  expect(await it.agree()).toMatchObject({ outcome: 'completed' });
  expect(await held('cards')).toEqual({ 18: 5 });
});

test('a number that says nothing makes nobody one person: colleagues keep everything', async () => {
  await it.staff(`update employees set person_no = 'N/A'; insert into memos values (1, 'kim@corp.example')`);
  expect(codes(await it.ask())).toEqual([]);
  expect(await it.agree()).toMatchObject({ outcome: 'completed' });
  expect(await it.staff('select works from employees where no = :kim')).toEqual([{ works: true }]);
  expect(await held('memos')).toEqual({ 'kim@corp.example': 1 });
});

test('an entry with the same number and nothing else in common is named, and left alone', async () => {
  await it.staff(`update employees set person_no = 'P1' where no in (:zoe, :kim)`);
  const planned = await it.ask();
  expect(tree(planned).join('\n')).toMatch(
    /left out: Kim Kern \(\d+\): it has their person number, and nothing else that is theirs/,
  );
  expect(await it.agree()).toMatchObject({ outcome: 'completed' });
  expect(await it.staff('select works from employees where no = :kim')).toEqual([{ works: true }]);
});

test('whoever has the leaver’s address in the directory may be the leaver: decides nothing, takes nothing, is named', async () => {
  await it.staff(`update employees set mail = ' ZOE@corp.example' where no in (:zoe + 3)`);
  const identities = { board: { user: '17' }, staff: { mail: 'zoe@corp.example' } };
  expect(await it.ask({ user: `id:${it.zoe()}`, identities })).toMatchObject({
    state: 'needs-correction',
    findings: [{ code: 'approvers-missing', message: expect.stringContaining('Pam Pohl is the leaver') }],
  });
  // Another one signs, and Pam takes over.
  await it.staff('update employees set signs = true where no = :kim');
  await it.say('amend', 'ola', { successor: `id:${it.zoe() + 3}` });
  const says = 'Pam Pohl may be the leaver by another entry';
  await it.until(({ findings }) => findings.some(({ message }) => message.includes(says)));
  await it.say('amend', 'ola', { successor: `id:${it.zoe() + 1}` });
  const planned = await it.until(({ state }) => state === 'awaiting-approval');
  expect(tree(planned).join('\n')).toMatch(
    /left out: Pam Pohl \(\d+\): its e-mail is one that other people have too/,
  );
});

test.each<[string, string, RegExp]>([
  [
    'a second account has come',
    `insert into members (id, name, mail) values (72, 'Zoe Z.', 'zoe@corp.example'); insert into cards values (9, 72)`,
    /Several accounts fit: Zoe \(17\), Zoe Z\. \(72\)/,
  ],
  [
    'the account was given to somebody else',
    `update members set mail = 'kim@corp.example', name = 'Kim' where id = 17; delete from members where id = 19`,
    /left out: Kim \(17\): it was this person's in an earlier plan, and no rule says so any more/,
  ],
  [
    'the account is gone',
    'delete from members where id = 17',
    /Board \(17, which no longer exists, mail zoe@corp\.example\)[\s\S]*4 Cards → Ben Berg/,
  ],
  [
    'it has another address',
    `update members set mail = 'zoe.zimmer@corp.example', nick = 'zoe' where id = 17`,
    /Board \(Zoe \(17\), mail zoe\.zimmer@corp\.example and zoe@corp\.example\)/,
  ],
])(
  '%s while the plan waited: the approval is open again, and nothing was written',
  async (_what, sql, says) => {
    const before = await it.board('select member from cards where id < 9 order by id');
    const status = await meanwhile(() => it.board(sql));
    expect(status.state).toMatch(/awaiting-approval|needs-correction/);
    expect(tree(status).join('\n')).toMatch(says);
    expect(await it.board('select member from cards where id < 9 order by id')).toEqual(before);
    expect(await it.staff('select works from employees where no = :zoe')).toEqual([{ works: true }]);
  },
);

test('what was found to be another while steps run parks, and a new plan takes it in', async () => {
  // The board's pins come after its cards: a trap makes the step fail until the world has moved.
  await it.board(`insert into pins values (1, 'zoe@corp.example');
    create function not_yet() returns trigger language plpgsql as $$ begin raise 'not yet'; end $$;
    create trigger not_yet before update on pins for each row execute function not_yet()`);
  await it.ask();
  expect(await it.agree()).toMatchObject({ state: 'needs-attention' });
  await it.board('drop trigger not_yet on pins; drop function not_yet');
  // Meanwhile Zoe has another address, and a second account with work in it; her old address is in use.
  await it.staff(
    `update employees set mail = 'zoe.zimmer@corp.example' where no = :zoe; insert into memos values (1, 'zoe@corp.example')`,
  );
  await it.board(
    `insert into members (id, name, mail, nick) values (72, 'Zoe Z.', 'zoe.zimmer@corp.example', 'zoe'); insert into cards values (9, 72)`,
  );
  await it.say('retry', 'ola');
  const parked = await it.until(({ state, retries }) => state === 'needs-attention' && retries > 0);
  expect(parked.steps['board/pins']).toMatchObject({
    state: 'failed',
    message: expect.stringMatching(/Zoe Z\. \(72\).*Send "amend" to have a new plan made/),
  });
  expect(await it.staff('select works from employees where no = :zoe')).toEqual([{ works: true }]);
  await it.say('amend', 'ola', { identities: { board: { user: ['17', '72'] } } });
  const planned = await it.until(({ state }) => state === 'awaiting-approval');
  expect(tree(planned).join('\n')).toContain('mail zoe.zimmer@corp.example and zoe@corp.example');
  expect(await it.agree()).toMatchObject({ outcome: 'completed' });
  expect([await held('cards'), await held('pins'), await held('memos')]).toEqual([
    { 18: 5 },
    { 'ben@corp.example': 1 },
    { 'ben@corp.example': 1 },
  ]);
  expect([await active(17), await active(72)]).toEqual([false, false]);
});

test('what was found to be another between two batches stops the next one', async () => {
  // The cards take so long that what was known of Zoe when they began is no longer good enough for the pins.
  await it.board(`insert into pins values (1, 'zoe@corp.example');
    create function slowly() returns trigger language plpgsql as $$ begin perform pg_sleep(6); return null; end $$;
    create trigger slowly before update on cards for each statement execute function slowly()`);
  await it.ask();
  const rests = it.agree();
  for (let asleep = false; !asleep; ) {
    const waits = await it.board(
      `select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`,
    );
    asleep = waits.length > 0;
    await new Promise(done => setTimeout(done, 50));
  }
  await it.board(`update members set mail = 'kim@corp.example', name = 'Kim' where id = 17;
    delete from members where id = 19`);
  const parked = await rests;
  await it.board('drop trigger slowly on cards; drop function slowly');
  expect(parked).toMatchObject({ state: 'needs-attention', access: { board: 'open' } });
  expect(parked.steps['board/pins']).toMatchObject({
    state: 'failed',
    message: expect.stringMatching(/Send "amend" to have a new plan made/),
  });
  expect(await held('pins')).toEqual({ 'zoe@corp.example': 1 });
});

test('an account that another person’s run would switch off is named as theirs, and approved as that or not at all', async () => {
  const status = await it.ask({ identities: { board: { user: '19' } } });
  expect(tree(status).join('\n')).toMatch(
    /Board \(Kim \(19\).*\)[\s\S]*! Board: the account Kim \(19\) belongs to Kim Kern \(id:\d+\) by its e-mail\.[\s\S]*left out: Zoe \(17\): it fits as well/,
  );
  expect(status.state).toBe('awaiting-approval');
});

test('an owner that an operator named beside the account is shown with whose it is', async () => {
  await it.board(`delete from members where id = 19; insert into pins values (1, 'kim@corp.example')`);
  const status = await it.ask({ identities: { board: { mail: 'kim@corp.example' } } });
  expect(tree(status).join('\n')).toMatch(
    /! Board: the mail kim@corp\.example belongs to Kim Kern \(id:\d+\) by its e-mail\./,
  );
  expect(status.state).toBe('awaiting-approval');
});

test('what a first run lost sight of is still counted by the second', async () => {
  await it.staff(
    `insert into nicknames values ('zoe.miller', :zoe); insert into drafts values (1, 'zoe.miller')`,
  );
  await it.ask();
  await it.say('cancel', 'ola');
  await it.until(({ state }) => state === 'closed');
  await it.staff(`delete from nicknames where nick = 'zoe.miller'`);
  const status = await it.ask();
  expect(status.plan!.steps.find(({ id }) => id === 'staff/drafts')).toMatchObject({
    baseline: { count: 1 },
  });
  expect(await it.agree()).toMatchObject({ outcome: 'completed' });
  expect(await held('drafts')).toEqual({ ben: 1 });
});
