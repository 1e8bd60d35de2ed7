/** Whatever a command prints for people to copy does what it says, as it is printed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decisionCommands, type Said } from '../../client/cli/decisions.js';
import { createProgram } from '../../client/cli/main.js';
import { commandLine, decisionLine } from '../../client/printed.js';
import { DECISIONS, type DecisionName, decisionSchemas, parseDecision } from '../../domain/request.js';
import { ended, mail, planned, type Started, start, waitFor } from '../small-world/drive.js';
import { refuse, trap } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';
import { type Cli, cliOf, type Ran } from './cli.js';
import { commandsIn, filledIn, wordsOf } from './printed.js';

const NASTY = `it's "late" $HOME \`x\` \\ {a=b}: c`;
const DIGEST = '0123456789ab';
const NOTE = { by: "o'hara@small.example", note: NASTY };

/** A value for every field of every decision, as unlucky as its rules allow. */
const EVERY_FIELD: Record<DecisionName, Record<string, unknown>> = {
  approve: { ...NOTE, plan: DIGEST, step: 'crm/accounts', keys: DIGEST },
  reject: { ...NOTE, plan: DIGEST },
  execute: { ...NOTE, plan: DIGEST },
  acknowledge: { ...NOTE, category: ['crm/mail box', "desk/it's"] },
  amend: {
    ...NOTE,
    successor: { 'round-robin': ["o'hara@small.example", 'bob@small.example'] },
    successors: {
      crm: 'manager',
      'desk/tickets': { match: { attribute: 'language', map: { de: 'bob@small.example' } } },
    },
    overrides: { 'crm/accounts': { '["47:11","d=e"]': 'bob@small.example', "it's": 'carol@small.example' } },
    identities: { desk: { agent: '17', 'a:b=c': '18' } },
    mode: 'execute-only',
    departure: 'unplanned',
    effectiveAt: '2026-12-24T18:00:00+01:00',
    handoverAt: 'now',
    giveBackAt: '2027-03-29T18:00[Europe/Berlin]',
    systems: ['crm', 'desk'],
  },
  pause: NOTE,
  resume: NOTE,
  retry: NOTE,
  skip: { ...NOTE, step: 'crm/accounts', reason: NASTY },
  finish: { ...NOTE, reason: NASTY },
  cancel: { ...NOTE, access: 'restore' },
};

test.each(DECISIONS)('every field of "%s" has an option, and a shell hands it on unharmed', async name => {
  const json = EVERY_FIELD[name];
  expect(Object.keys(json).sort()).toEqual(Object.keys(decisionSchemas[name].shape).sort());
  expect(parseDecision(name, json)).toMatchObject({ ok: true });
  const heard: Said[] = [];
  const commands = decisionCommands(async said => void heard.push(said));
  const [command, ...words] = wordsOf(decisionLine('offboarding/17', { message: name, json }));
  await commands.find(one => one.name() === command)!.parseAsync(words, { from: 'user' });
  expect(heard).toMatchObject([{ name, run: 'offboarding/17' }]);
  expect(heard[0]!.payload).toEqual(json);
});

test.each([
  { successor: null, successors: null, overrides: null, identities: null },
  { overrides: `sha256:${'0'.repeat(64)}` },
  { mode: null, departure: null, effectiveAt: null, systems: null },
  {
    successors: { crm: null, desk: 'manager' },
    overrides: { 'crm/accounts': { 17: null } },
    identities: { desk: null },
  },
])('an amendment says or takes back %j by its options', async back => {
  const json = { by: 'olivia@small.example', ...back };
  expect(parseDecision('amend', json)).toMatchObject({ ok: true });
  const heard: Said[] = [];
  const commands = decisionCommands(async said => void heard.push(said));
  const [, ...words] = wordsOf(decisionLine('offboarding/17', { message: 'amend', json }));
  await commands.find(one => one.name() === 'amend')!.parseAsync(words, { from: 'user' });
  expect(heard[0]!.payload).toEqual(json);
});

test('several accounts of one person are said one by one', async () => {
  const json = { by: 'olivia@small.example', identities: { desk: { user: ['17', '99'] } } };
  const line = decisionLine('offboarding/17', { message: 'amend', json });
  expect(line).toContain('--identity desk:user=17 --identity desk:user=99');
  const heard: Said[] = [];
  const commands = decisionCommands(async said => void heard.push(said));
  const [, ...words] = wordsOf(line);
  await commands.find(one => one.name() === 'amend')!.parseAsync(words, { from: 'user' });
  expect(heard[0]!.payload).toEqual(json);
});

test('the words of a command are quoted where a shell would take them apart', () => {
  expect(commandLine('status', 'offboarding/17', '--watch')).toBe('handover status offboarding/17 --watch');
  expect(wordsOf(commandLine('items', NASTY, '["4711","de"]'))).toEqual(['items', NASTY, '["4711","de"]']);
});

const small = useSmallWorld();
let cli: Cli;
beforeAll(async () => {
  cli = await cliOf(small);
});
afterAll(() => cli?.remove());

/** By state, the decisions that were printed and those that were sent as they were printed. */
const printed = new Set<string>();
const sent = new Set<string>();

async function look(started: Started): Promise<{ state: string; commands: string[] }> {
  const { state } = await small.world.offboardings.status(started.run);
  const commands = commandsIn((await cli('status', started.run)).out);
  for (const command of commands) printed.add(`${state}: ${wordsOf(command)[0]}`);
  return { state, commands };
}

/** Finds the command on the screen and runs it as it stands there. */
async function follow(started: Started, name: DecisionName): Promise<Ran> {
  const { state, commands } = await look(started);
  const line = commands.find(command => wordsOf(command)[0] === name);
  expect(line, `${state} prints no ${name}: ${commands.join('; ')}`).toBeDefined();
  const by = mail(small, name === 'approve' || name === 'reject' ? 'priya' : 'olivia');
  const ran = await cli(...wordsOf(filledIn(line!, { by, successor: mail(small, 'bob') })));
  expect(ran, line).toMatchObject({ code: 0, err: '' });
  sent.add(`${state}: ${name}`);
  return ran;
}

async function agreed(started: Started): Promise<void> {
  await planned(small, started);
  const { commands } = await look(started);
  if (commands.some(command => wordsOf(command)[0] === 'acknowledge')) await follow(started, 'acknowledge');
  await follow(started, 'approve');
}

test('a run goes through trouble to its end by commands that are run as they are printed', async () => {
  const mischief = await refuse(small.db.crm, 'accounts');
  const started = await start(small, { effectiveAt: '2031-12-24' });
  await agreed(started);
  await waitFor(small, started, status => status.state === 'scheduled');
  const { revision } = await small.world.offboardings.status(started.run);
  await follow(started, 'amend');
  await waitFor(small, started, status => status.revision > revision && status.state === 'awaiting-approval');
  await agreed(started);
  const parked = await waitFor(small, started, status => status.state === 'needs-attention');
  await follow(started, 'retry');
  await waitFor(
    small,
    started,
    status => status.retries > parked.retries && status.state === 'needs-attention',
  );
  await follow(started, 'amend');
  await waitFor(
    small,
    started,
    status => status.revision > parked.revision && status.state === 'awaiting-approval',
  );
  await agreed(started);
  await waitFor(small, started, status => status.state === 'needs-attention');
  await follow(started, 'skip');
  expect((await follow(started, 'approve')).out).not.toBe('');
  const { waivers } = await small.world.offboardings.status(started.run);
  expect(waivers['crm/accounts']?.approvals.map(({ by }) => by.name)).toEqual(['Priya Approver']);
  await small.world.offboardings.result(started.run);

  for (const out of ['finish', 'cancel'] as const) {
    const again = await start(small);
    await agreed(again);
    await waitFor(small, again, status => status.state === 'needs-attention');
    await follow(again, out);
    await small.world.offboardings.result(again.run);
  }
  await mischief.mend();
});

test.each(['resume', 'finish', 'cancel'] as const)(
  'a running one is paused, then %s, by the printed commands',
  async then => {
    const slow = await trap(small.db.crm, 'accounts', 'perform pg_sleep(0.4);');
    const started = await start(small);
    await agreed(started);
    await waitFor(small, started, status => status.state === 'executing');
    await follow(started, 'pause');
    await waitFor(small, started, status => status.pausedBy !== null);
    await follow(started, then);
    await slow.mend();
    await ended(small, started);
  },
);

test('what was not approved is rejected or called off by the printed commands', async () => {
  const rejected = await start(small);
  await planned(small, rejected);
  await follow(rejected, 'reject');
  await small.world.offboardings.result(rejected.run);

  const called = await start(small);
  await planned(small, called);
  await follow(called, 'amend');
  await waitFor(small, called, status => status.revision > 1 && status.state === 'awaiting-approval');
  await follow(called, 'cancel');
  await small.world.offboardings.result(called.run);

  for (const out of ['reject', 'cancel'] as const) {
    const scheduled = await start(small, { effectiveAt: '2031-12-24' });
    await agreed(scheduled);
    await waitFor(small, scheduled, status => status.state === 'scheduled');
    await follow(scheduled, out);
    await small.world.offboardings.result(scheduled.run);
  }
});

test('a plan that needs correction is prepared again, and amended, by the printed commands', async () => {
  const started = await start(small, { successor: 'nobody@small.example' });
  const first = await waitFor(small, started, status => status.state === 'needs-correction');
  await follow(started, 'retry');
  await waitFor(
    small,
    started,
    status => status.state === 'needs-correction' && status.revision >= first.revision,
  );
  await follow(started, 'amend');
  await waitFor(small, started, status => status.state === 'awaiting-approval');
  await follow(started, 'reject');
  await small.world.offboardings.result(started.run);

  const given = await start(small, { successor: 'nobody@small.example' });
  await waitFor(small, given, status => status.state === 'needs-correction');
  await follow(given, 'cancel');
  await small.world.offboardings.result(given.run);
});

test('every command that a status printed above was run', () => {
  expect([...printed].filter(one => !sent.has(one))).toEqual([]);
  expect([...sent].length).toBeGreaterThan(12);
});

// Sentences and pages name commands in passing: none may name a command or an option that is not there.
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function under(folder: string, ending: RegExp): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap(entry => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? under(path, ending) : ending.test(path) ? [path] : [];
  });
}

const NAMED = /(?:["'`(]|^ *(?:\$ )?|bin\/|run )handover(?:\.mjs)? (?:-- )?([a-z][a-z-]*)([^"'`\n#|)]*)/gm;

test('no sentence, page or example names a command or an option that does not exist', async () => {
  const io = { stdout: { write: () => {} }, stderr: { write: () => {} }, env: {}, cwd: ROOT };
  const program = await createProgram({ io, exit: 0 });
  const options = new Map(
    program.commands.map(one => [one.name(), new Set(one.options.map(option => option.long))] as const),
  );
  const pages = ['README.md', ...['docs', 'examples', 'deploy'].flatMap(folder => under(folder, /\.md$/))];
  const code = ['client', 'domain', 'workflows'].flatMap(folder => under(folder, /\.ts$/));
  let seen = 0;
  const wrong = [...pages, ...code].flatMap(path =>
    [...readFileSync(join(ROOT, path), 'utf8').matchAll(NAMED)].flatMap(([text, command, rest]) => {
      seen += 1;
      const known = options.get(command!);
      const unknown = [...rest!.matchAll(/ (--[a-z][a-z-]*)/g)].filter(([, option]) => !known?.has(option!));
      return known && unknown.length === 0 ? [] : [`${path}: ${text.trim()}`];
    }),
  );
  expect(wrong).toEqual([]);
  expect(seen).toBeGreaterThan(30);
});
