/**
 * Whole offboardings through the real engine on two systems: the one of the harness, called `desk`, and a
 * made-up one without transactions that is the directory. Whatever the systems do and wherever an attempt
 * dies, every item is changed once, and what could only be read again is said to be so.
 *
 *   describeOffboardings(harness)      the harness of the contract; its system deactivates accounts by itself
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { KINDS } from '../../connectors/registry.js';
import type { Status } from '../../workflows/messages.js';
import { type World as Installation, startWorld } from '../support/world.js';
import { ODD_KEYS } from './contract.js';
import { Crashes, POINTS } from './crashes.js';
import { ALICE, BOB, CAROL, DOUBTS_OF_ALL, type Harness, type Lack, TWIN, type World } from './harness.js';
import { memory } from './memory/kind.js';
import { type Member, Service } from './memory/service.js';

const OFFICE = `
version: 1
system: office
title: Office
kind: memory
directory: true
categories:
  files: { title: Files, do: transfer, label: label }
  drafts: { title: Drafts, do: acknowledge, reason: copy what is still needed }
  history: { title: Closed files, do: keep, reason: history }
block: {}
unblock: {}
deactivate: {}
reactivate: {}
`;

/** `connect`: what the configuration says of the desk's connection. */
const configOf = (connect: string, policy: string): string => `
version: 1
directory: office
systems:
  desk: { catalog: desk.yaml, connect: { ${connect} } }
  office: { catalog: office.yaml, connect: { name: { file: office-name } } }
store: { connection: HANDOVER_STORE_URL }
policy: { batch: 6, sweep: off, drift: { floor: 3, percent: 5 }${policy} }
`;

/** Alice and Bob in the directory; in the desk they are who they are in every world. */
const ALICE_THERE = 'agent "7"';
const BOB_THERE = '9007199254740994';
const FILES = ['a', 'b', 'c', 'd', 'e'];

export function describeOffboardings(harness: Harness): void {
  // Attempts that died are tried again after a while.
  vi.setConfig({ testTimeout: 120_000 });

  const can = (what: Lack): boolean => !harness.lacks?.includes(what);
  const key = harness.keys?.nth ?? ((n: number): string => `thing-${n}`);
  /** Keys as unpleasant as in the contract, and enough of them. */
  const things = [...(harness.keys?.odd ?? ODD_KEYS).slice(0, 5), ...[0, 1, 2, 3, 4, 5].map(key)].slice(0, 6);
  const other = key(90);
  const seats = can('seats') ? [key(20), key(21), key(22)] : [];
  const held = {
    'desk/things': things.length,
    ...(can('seats') ? { 'desk/seats': seats.length } : {}),
    'office/files': FILES.length,
  };

  let installation: Installation;
  let dir: string;
  let office: Service;
  let desk: World;

  async function begin(crashes?: Crashes, policy = ''): Promise<void> {
    dir = await mkdtemp(join(tmpdir(), 'handover-contract-'));
    office = new Service(`office of ${dir}`);
    office.latencyMs = 3;
    people(office);
    desk = await harness.world();
    await desk.fill({
      things: { ...Object.fromEntries(things.map(one => [one, ALICE])), [other]: CAROL },
      ...(can('seats') ? { seats: Object.fromEntries(seats.map(one => [one, ALICE])) } : {}),
    });
    const parts = Object.keys(desk.connection);
    for (const [file, text] of [
      [
        'handover.yaml',
        configOf(parts.map(part => `${part}: DESK_${part.toUpperCase()}`).join(', '), policy),
      ],
      ['office.yaml', OFFICE],
      ['desk.yaml', desk.catalog],
      ['office-name', `${office.name}\n`],
    ] as const)
      await writeFile(join(dir, file), text);
    installation = await startWorld({
      config: join(dir, 'handover.yaml'),
      kinds: { ...KINDS, ...harness.kinds, memory },
      env: Object.fromEntries(parts.map(part => [`DESK_${part.toUpperCase()}`, desk.connection[part]!])),
      seed: async () => {},
      patience: { throttled: 20_000, transient: 20_000, locked: 20_000 },
      ...(crashes ? { wrap: activities => crashes.activities(activities) } : {}),
    });
    crashes?.install(installation.worker.deps.systems);
  }

  afterEach(async () => {
    await installation?.stop();
    await desk?.close();
    await rm(dir, { recursive: true, force: true });
  });

  const waitFor = (run: string, until: (status: Status) => boolean) =>
    installation.offboardings.waitFor(run, until, { everyMs: 50, timeoutMs: 100_000 });

  async function ask(request: Record<string, unknown> = {}): Promise<{ run: string; offboardingId: string }> {
    const answer = await installation.offboardings.request({
      user: 'alice@example.com',
      requestedBy: 'olivia@example.com',
      successor: 'manager',
      ...request,
    });
    if (answer.answer !== 'started') throw new Error(JSON.stringify(answer));
    return { run: answer.workflowId, offboardingId: answer.offboardingId };
  }

  async function decide(
    run: string,
    name: 'acknowledge' | 'approve' | 'retry' | 'cancel',
    more: Record<string, unknown> = {},
  ) {
    const by = name === 'approve' ? 'priya@example.com' : 'olivia@example.com';
    expect(await installation.offboardings.decide(run, name, { by, ...more })).toMatchObject({
      verdict: 'accepted',
    });
  }

  async function approve(run: string): Promise<void> {
    const status = await waitFor(run, ({ state }) => state !== 'preparing');
    expect(status.state, status.sentence).toBe('awaiting-approval');
    await decide(run, 'acknowledge', { category: 'office/drafts' });
    await decide(run, 'approve', { plan: status.plan!.digest });
  }

  async function ended(run: string): Promise<Status> {
    const status = await waitFor(run, ({ state }) => state === 'closed' || state === 'needs-attention');
    if (status.state === 'closed') await installation.offboardings.result(run);
    return status;
  }

  async function handOver() {
    const started = await ask();
    await approve(started.run);
    return { ...started, status: await ended(started.run) };
  }

  /**
   * What the systems themselves would swear to: every item changed once, both accounts off, and nothing else
   * touched.
   */
  async function expectHandedOver(): Promise<void> {
    expect(await desk.owners('things')).toEqual({
      ...Object.fromEntries(things.map(one => [one, BOB])),
      [other]: CAROL,
    });
    if (can('seats')) expect(await desk.owners('seats')).toEqual({});
    const ownersIn = (category: string) =>
      Object.fromEntries([...office.list(category).values()].map(({ key, owner }) => [key, owner]));
    expect(ownersIn('files')).toEqual(Object.fromEntries([...FILES, 'f'].map(one => [one, BOB_THERE])));
    expect(ownersIn('history')).toEqual({ h1: ALICE_THERE, h2: ALICE_THERE });
    expect([await desk.access(ALICE), office.members.get(ALICE_THERE)!.status]).toEqual(['off', 'off']);
    const inDesk = await desk.log?.();
    if (inDesk) {
      expect(new Set(inDesk).size).toBe(inDesk.length);
      expect(inDesk).toHaveLength(things.length + seats.length + 1);
    }
    expect(new Set(office.log).size).toBe(office.log.length);
    expect(office.log).toHaveLength(FILES.length + 1);
    // The directory is the last one that switches anybody off.
    expect(office.log.at(-1)).toBe(`${ALICE_THERE} is off`);
  }

  function changedBy({ steps }: Status): Record<string, number> {
    return Object.fromEntries(Object.keys(held).map(step => [step, steps[step]!.changed]));
  }

  async function receiptsOf(offboarding: string): Promise<Receipt[]> {
    const { rows } = await installation.db.store!.query(
      'select step, state, sure from handover.receipts where offboarding = $1',
      [offboarding],
    );
    return rows as Receipt[];
  }

  /** Step → how sure its effects are, as the certificate has it. */
  async function certified(offboarding: string): Promise<Record<string, string | null>> {
    const { rows } = await installation.db.store!.query(
      'select body from handover.certificate_bodies where offboarding = $1',
      [offboarding],
    );
    expect(rows).toHaveLength(1);
    const { steps } = JSON.parse(rows[0].body) as { steps: { id: string; effects: string | null }[] };
    return Object.fromEntries(steps.map(step => [step.id, step.effects]));
  }

  test('what was seen too long ago does not count at a switch: it is looked at again', async () => {
    await begin(undefined, ', observedWithinMinutes: 0.01');
    const { run } = await ask();
    await approve(run);
    const { systems } = installation.worker.deps;
    const open = systems.get.bind(systems);
    let asked = 0;
    systems.get = async system => {
      const connector = await open(system);
      if (system !== 'office') return connector;
      // Of all that happens after the approval only a switch asks about the leaver's own account.
      const guards: typeof connector.guards = async (accounts, signal) => {
        const isLeaver = accounts.some(({ identities }) => identities.user?.[0] === ALICE_THERE);
        if (isLeaver && asked++ === 0) await new Promise(done => setTimeout(done, 900));
        return connector.guards(accounts, signal);
      };
      return { ...connector, guards };
    };
    const status = await ended(run);
    expect(status.outcome, status.sentence).toBe('completed');
    expect(asked).toBe(2);
    expect(office.log.filter(line => line === `${ALICE_THERE} is off`)).toHaveLength(1);
  });

  describe(`a system of kind ${harness.kind}`, () => {
    beforeEach(() => begin());

    test('a whole offboarding: everything handed over, once, and both accounts switched off', async () => {
      const { status, offboardingId } = await handOver();
      expect(status.outcome, status.sentence).toBe('completed');
      expect(changedBy(status)).toEqual(held);
      await expectHandedOver();
      // Calls that were answered: the systems themselves have said it.
      expect(new Set((await receiptsOf(offboardingId)).map(one => `${one.state} ${one.sure}`))).toEqual(
        new Set(['done asked']),
      );
      expect(await certified(offboardingId)).toMatchObject({
        'desk/things': 'asked',
        'desk/deactivate': 'asked',
        'office/history': null,
      });
    });

    test.for([...DOUBTS_OF_ALL, ...(harness.doubts ?? []), 'throttled'] as const)(
      'the first call to each goes wrong (%s): the same end, and what was only read again is said to be so',
      async (fault, { skip }) => {
        if (fault !== 'throttled') await desk.doubt(fault);
        else if (desk.throttle) await desk.throttle();
        else return skip('it never asks to come again later');
        office.faults = [fault];
        const { status, offboardingId } = await handOver();
        expect(status.outcome, status.sentence).toBe('completed');
        expect(changedBy(status)).toEqual(held);
        await expectHandedOver();
        const receipts = await receiptsOf(offboardingId);
        const read = receipts.filter(one => one.sure === 'read');
        expect(new Set(read.map(one => one.step.split('/')[0]))).toEqual(
          new Set(harness.sure === 'read' ? ['desk', 'office'] : ['office']),
        );
        const happened = fault !== 'throttled' && fault !== 'never-arrives';
        expect(new Set(read.map(one => one.state))).toEqual(new Set([happened ? 'done' : 'aborted']));
        const evidence = await certified(offboardingId);
        for (const step of Object.keys(evidence)) {
          const done = receipts.filter(one => one.step === step && one.state === 'done');
          const weakest = done.some(one => one.sure === 'read') ? 'read' : done.length > 0 ? 'asked' : null;
          expect(evidence[step], step).toBe(weakest);
        }
        expect(Object.values(evidence).includes('read')).toBe(happened);
      },
    );

    test('an item that is refused inside a success parks the run by name, and a retry finishes it', async () => {
      const mend = await desk.refuse('things', things[4]!);
      const { run, status } = await handOver();
      expect(status.state).toBe('needs-attention');
      expect(status.steps['desk/things']).toMatchObject({
        state: 'failed',
        changed: things.length - 1,
        failed: 1,
      });
      expect(status.steps['desk/things']!.message).toContain(things[4]!);
      expect(await desk.access(ALICE)).toBe('active');
      await mend();
      await decide(run, 'retry');
      await waitFor(run, ({ state }) => state === 'closed');
      await expectHandedOver();
    });

    test('a list that cannot be read whole is never an empty one: the plan says which, and waits', async () => {
      const mend = await desk.unreadable('things');
      const { run } = await ask();
      const stuck = await waitFor(run, ({ state }) => state !== 'preparing');
      expect(stuck.state).toBe('needs-correction');
      expect(stuck.findings.map(finding => finding.message).join('\n')).toMatch(/desk\/things/);
      await mend();
      await decide(run, 'retry');
      const { plan } = await waitFor(run, ({ state }) => state === 'awaiting-approval');
      expect(plan!.steps.find(step => step.id === 'desk/things')!.baseline.count).toBe(things.length);
    });

    test.runIf(can('block'))('a block of an unplanned departure is set and lifted', async () => {
      const { run } = await ask({ departure: 'unplanned' });
      const status = await waitFor(run, ({ state }) => state === 'awaiting-approval');
      expect(status.access).toEqual({ desk: 'blocked', office: 'blocked' });
      expect(await desk.access(ALICE)).toBe('blocked');
      await decide(run, 'cancel', { access: 'restore' });
      await ended(run);
      expect(await desk.access(ALICE)).toBe('active');
      if (desk.log) expect(await desk.log()).toHaveLength(2);
    });
  });

  describe.each(['intended', 'happened'] as const)(
    'a person with two accounts, where every effect dies once at the point "%s"',
    point => {
      beforeEach(() => begin(new Crashes(point)));

      test('everything moves from both, once, with whose it was on record, and both are off', async () => {
        const split = (keys: readonly string[]) =>
          Object.fromEntries(keys.map((one, n) => [one, TWIN[n % 2]!]));
        twin(office);
        await desk.fill({
          things: { ...split(things), [other]: CAROL },
          ...(can('seats') ? { seats: split(seats) } : {}),
        });
        const request = { user: 'twin@example.com', identities: { desk: { user: TWIN } } };
        const { run, offboardingId } = await ask(request);
        await approve(run);
        const status = await ended(run);
        expect(status.outcome, status.sentence).toBe('completed');
        expect(changedBy(status)).toEqual({ ...held, 'office/files': 1 });
        expect(await desk.owners('things')).toEqual({
          ...Object.fromEntries(things.map(one => [one, BOB])),
          [other]: CAROL,
        });
        if (can('seats')) expect(await desk.owners('seats')).toEqual({});
        expect(await Promise.all(TWIN.map(one => desk.access(one)))).toEqual(['off', 'off']);
        const log = await desk.log?.();
        if (log) {
          expect(new Set(log).size).toBe(log.length);
          expect(log).toHaveLength(things.length + seats.length + TWIN.length);
        }
        const { rows } = await installation.db.store!.query(
          `select key, r.owners[r.owner_of[held.n - r.first] + 1] as owner
             from handover.receipts r join handover.manifest_pages p using (manifest, step, page)
            cross join unnest(p.keys) with ordinality as held (key, n)
            where r.offboarding = $1 and r.step = 'desk/things' and r.state = 'done'
              and held.n > r.first and held.n <= r.first + r.count`,
          [offboardingId],
        );
        expect(Object.fromEntries(rows.map(row => [row.key, row.owner]))).toEqual(split(things));
      });
    },
  );

  describe.each(POINTS)('every effect dies once at the point "%s"', point => {
    const crashes = new Crashes(point);
    beforeEach(() => begin(crashes));

    test('and every item is changed once', async () => {
      const { status, offboardingId } = await handOver();
      expect(status.outcome, status.sentence).toBe('completed');
      await expectHandedOver();
      expect(changedBy(status)).toEqual(held);
      // Files in two calls, things and seats in one at least, two accounts; or the activities that did all
      // this.
      const effects = 2 + Object.keys(held).length - 1 + 2;
      expect(crashes.died.size).toBeGreaterThanOrEqual(point === 'result-lost' ? 4 : effects);
      const receipts = await receiptsOf(offboardingId);
      expect(receipts.every(one => one.state !== 'intended')).toBe(true);
      // An answer that nobody heard is asked for: of a system that cannot be asked, the items are read again.
      const expected = (sure: Harness['sure']): string[] =>
        ({
          before: ['done asked'],
          intended: [`aborted ${sure}`, 'done asked'],
          happened: [`done ${sure}`],
          answered: [`done ${sure}`],
          'result-lost': ['done asked'],
        })[point];
      for (const [system, sure] of [
        ['desk', harness.sure],
        ['office', 'read'],
      ] as const) {
        const theirs = receipts.filter(one => one.step.startsWith(`${system}/`));
        const seen = new Set(theirs.map(one => `${one.state} ${one.sure}`));
        expect([...seen].sort(), system).toEqual(expected(sure));
      }
    });
  });
}

/** Somebody with two accounts in the desk. */
function twin(office: Service): void {
  const somebody = { team: null, roles: [], status: 'active' as const };
  const email = 'twin@example.com';
  office.members.set('6', { id: '6', name: 'Twin', email, manager: BOB_THERE, ...somebody });
  office.list('files').set('g', { key: 'g', owner: '6', label: 'the g' });
  office.list('drafts').set('d2', { key: 'd2', owner: '6', label: 'the d2' });
}

interface Receipt {
  step: string;
  state: string;
  sure: string | null;
}

/** Who is in the directory, and what they hold there. */
function people(office: Service): void {
  const join = (id: string, name: string, more: Partial<Member> = {}): void => {
    const email = `${name.toLowerCase()}@example.com`;
    const somebody = { manager: null, team: null, roles: [], status: 'active' as const };
    office.members.set(id, { id, name, email, ...somebody, ...more });
  };
  join(ALICE_THERE, 'Alice', { manager: BOB_THERE });
  join(BOB_THERE, 'Bob');
  join('3', 'Olivia', { roles: ['operator'] });
  join('4', 'Priya', { roles: ['approver'] });
  join('5', 'Carol');
  const give = (category: string, owner: string, keys: readonly string[]): void => {
    for (const key of keys) office.list(category).set(key, { key, owner, label: `the ${key}` });
  };
  give('files', ALICE_THERE, FILES);
  give('files', BOB_THERE, ['f']);
  give('drafts', ALICE_THERE, ['d1']);
  give('history', ALICE_THERE, ['h1', 'h2']);
}
