/** The inbox serves any workflow: a made-up one takes two decisions through it, on a real Temporal server. */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Identified, IdentifyInput, Senders } from '../../activities/people.js';
import type { DecisionEntry, FloodEntry, NoticeEntry, RecordInput } from '../../activities/record.js';
import { refusedAnswer } from '../../client/runs.js';
import { payloadConverterPath } from '../../runtime/temporal.js';
import { temporalAddress } from '../support/servers.js';
import type { Parcel } from './workflow.js';

// Quiet unless something fails.
Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });

const taskQueue = `inbox-${randomBytes(5).toString('hex')}`;
const PEOPLE: Record<string, { name: string; operator: boolean }> = {
  olivia: { name: 'Olivia', operator: true },
  bob: { name: 'Bob', operator: false },
};
type Recorded<Entry> = Entry & { offboardingId: string };
const trail: Recorded<DecisionEntry>[] = [];
const notices: Recorded<NoticeEntry>[] = [];
const floods: Recorded<FloodEntry>[] = [];
let lookUps = 0;

function identified(who: string): Identified {
  const person = PEOPLE[who];
  if (!person) return { kind: 'none', sentence: `Nobody is called "${who}".` };
  return {
    kind: 'one',
    person: { id: who, human: who, barred: null, doubt: null, approver: false, ...person },
    installation: 'handover',
    identity: who === 'olivia' ? { kind: 'verified', by: 'her badge' } : { kind: 'claimed' },
  };
}

const activities = {
  async identify({ who }: IdentifyInput): Promise<Senders> {
    lookUps += 1;
    return { found: who.map(identified), beside: [] };
  },
  async record({ offboardingId, entries }: RecordInput): Promise<void> {
    for (const entry of entries) {
      if (entry.kind === 'notice') notices.push({ ...entry, offboardingId });
      else if (entry.kind === 'flood') floods.push({ ...entry, offboardingId });
      else trail.push({ ...entry, offboardingId });
    }
  },
};

let connection: Connection;
let native: NativeConnection;
let worker: Worker;
let running: Promise<void>;
let bundle: Awaited<ReturnType<typeof bundleWorkflowCode>>;
let client: Client;

beforeAll(async () => {
  connection = await Connection.connect({ address: temporalAddress() });
  native = await NativeConnection.connect({ address: temporalAddress() });
  client = new Client({ connection });
  bundle = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('./workflow.ts', import.meta.url)),
    payloadConverterPath,
    logger: new DefaultLogger('WARN'),
  });
  await work();
}, 120_000);

async function work(): Promise<void> {
  worker = await Worker.create({
    connection: native,
    taskQueue,
    activities,
    workflowBundle: bundle,
    dataConverter: { payloadConverterPath },
  });
  running = worker.run();
}

afterAll(async () => {
  worker?.shutdown();
  await running;
  await native?.close();
  await connection?.close();
});

test('signals and updates, an unknown name, an odd payload, a rule that stumbles, a refusal: each is judged and recorded once', async () => {
  const id = `parcel-${randomBytes(5).toString('hex')}`;
  const run = await client.workflow.start('parcel', { workflowId: id, taskQueue, args: [id] });
  const update = (name: string, payload: unknown): Promise<unknown> =>
    run
      .executeUpdate<unknown, [unknown]>(name, { args: [payload] })
      .catch((error: unknown) => refusedAnswer(error) ?? Promise.reject(error));
  const refused = (sentence: string) => ({ verdict: 'refused', sentence, state: 'waiting', plan: null });

  await run.signal('label', { by: 'bob', text: 'fragile' });
  expect(await update('label', { by: 'olivia', text: 'heavy' })).toMatchObject({
    verdict: 'accepted',
    sentence: 'Labelled "heavy".',
  });
  expect(await update('open', {})).toEqual(refused('There is no message "open". Known are: take, label.'));
  expect(await update('label', 7)).toEqual(
    refused(
      '"label" takes one JSON object such as {"by": "you@example.com", "text": "fragile"}; given was 7.',
    ),
  );
  expect(await update('label', { by: 'mallory', text: 'x' })).toEqual(refused('Nobody is called "mallory".'));
  expect(await update('label', { by: 'bob', text: 'stumble' })).toEqual(
    refused('"label" could not be judged (the rule stumbled); nothing was changed.'),
  );
  expect(await update('take', { by: 'bob' })).toEqual(refused('Bob may not take parcels.'));
  await run.signal('take', { by: 'olivia' });

  const parcel = (await run.result()) as Parcel;
  expect(parcel).toMatchObject({ labels: ['fragile', 'heavy'], takenBy: 'Olivia', decided: 8 });
  expect(parcel.refused.map(({ message }) => message)).toEqual(['open', 'label', 'label', 'label', 'take']);
  expect(
    trail.map(entry => [
      entry.offboardingId,
      entry.number,
      entry.message,
      entry.accepted,
      entry.identity.kind,
    ]),
  ).toEqual([
    [id, 1, 'label', true, 'claimed'],
    [id, 2, 'label', true, 'verified'],
    [id, 3, 'open', false, 'claimed'],
    [id, 4, 'label', false, 'claimed'],
    [id, 5, 'label', false, 'claimed'],
    [id, 6, 'label', false, 'claimed'],
    [id, 7, 'take', false, 'claimed'],
    [id, 8, 'take', true, 'verified'],
  ]);
  expect(notices).toMatchObject([
    { offboardingId: id, number: 1, notice: 'taken', sentence: 'The parcel is gone.' },
  ]);
}, 60_000);

test('a flood: senders are looked up together, the refusals of an ordinary hour are told, the others counted, and nothing is lost', async () => {
  const id = `parcel-${randomBytes(5).toString('hex')}`;
  const run = await client.workflow.start('parcel', { workflowId: id, taskQueue, args: [id] });
  lookUps = 0;
  const names = ['label', 'open', 'take'];
  const flood = Array.from({ length: 900 }, (_, n) => ({ name: names[n % 3]!, by: `mallory-${n % 7}` }));
  worker.shutdown();
  await running;
  await Promise.all(
    flood.map(({ name, by }) => run.signal(name, name === 'label' ? { by, text: 'x' } : { by })),
  );
  await work();
  expect(await run.executeUpdate('label', { args: [{ by: 'olivia', text: 'heavy' }] })).toMatchObject({
    verdict: 'accepted',
  });
  await run.signal('take', { by: 'olivia' });
  const parcel = (await run.result()) as Parcel;
  expect(parcel).toMatchObject({ labels: ['heavy'], decided: 902, counted: 650 });
  // "label" and "take" cannot be judged without knowing who sends them; an unknown name can.
  expect(lookUps).toBeLessThan(20);
  const mine = trail.filter(entry => entry.offboardingId === id);
  expect(mine.filter(entry => !entry.accepted)).toHaveLength(250);
  expect(mine.filter(entry => entry.accepted)).toHaveLength(2);
  const sums = floods.filter(entry => entry.offboardingId === id);
  const told = (of: (flood: FloodEntry) => number): number => sums.reduce((sum, flood) => sum + of(flood), 0);
  expect(told(({ count }) => count)).toBe(650);
  expect(told(({ reasons }) => (reasons['no-such-message'] ?? 0) + (reasons['unknown-sender'] ?? 0))).toBe(
    650,
  );
  for (const { digest } of sums) expect(digest).toMatch(/^[0-9a-f]{64}$/);
  const { historyLength } = await run.describe();
  expect(historyLength).toBeLessThan(900 + 250);
}, 120_000);
