/** The inbox serves any workflow: a made-up one takes two decisions through it, on a real Temporal server. */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Identified } from '../../activities/people.js';
import type { DecisionEntry, NoticeEntry, RecordInput } from '../../activities/record.js';
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
const activities = {
  async identify({ who }: { who: string }): Promise<Identified> {
    const person = PEOPLE[who];
    if (!person) return { kind: 'none', sentence: `Nobody is called "${who}".` };
    const known = { id: who, human: who, barred: null, doubt: null, approver: false, ...person };
    return {
      kind: 'one',
      person: known,
      installation: 'handover',
      beside: [],
      identity: who === 'olivia' ? { kind: 'verified', by: 'her badge' } : { kind: 'claimed' },
    };
  },
  async record({ offboardingId, entries }: RecordInput): Promise<void> {
    for (const entry of entries) {
      if (entry.kind === 'notice') notices.push({ ...entry, offboardingId });
      else trail.push({ ...entry, offboardingId });
    }
  },
};

let connection: Connection;
let native: NativeConnection;
let worker: Worker;
let running: Promise<void>;
let client: Client;

beforeAll(async () => {
  connection = await Connection.connect({ address: temporalAddress() });
  native = await NativeConnection.connect({ address: temporalAddress() });
  client = new Client({ connection });
  worker = await Worker.create({
    connection: native,
    taskQueue,
    activities,
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('./workflow.ts', import.meta.url)),
      payloadConverterPath,
      logger: new DefaultLogger('WARN'),
    }),
    dataConverter: { payloadConverterPath },
  });
  running = worker.run();
}, 120_000);

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
