/** Whose a decision is, by the word of Temporal's own server; and everything that must not pass for it. */
import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import {
  decodeArrayFromPayloads,
  encodeToPayloads,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { run as runProgram } from '../../runtime/embedded/run.js';
import { findTemporalCli } from '../../runtime/embedded/temporal-cli.js';
import { connectTemporal } from '../../runtime/temporal.js';
import type { Status } from '../../workflows/messages.js';
import { cliOf } from '../cli/cli.js';
import { ended, mail, planned, type Started, start, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { asSomebody, noServer, startAuthorizingServer } from './server.js';

if (noServer) console.warn(noServer);

const WORKER = 'handover-worker';
const MALLORY = 'mallory@small.example';
/** A command of a workflow, as the proto numbers them. */
const SIGNAL_EXTERNAL = 12;
const VERIFIED = { kind: 'verified', by: expect.stringMatching(/^Temporal \(event \d+\)$/) };

describe.skipIf(noServer)('on a Temporal that passes principals on', async () => {
  const server = noServer ? (null as never) : await startAuthorizingServer();
  // The world's own end, which is named after this one, comes before it.
  afterAll(() => server.stop());
  // What the test itself asks, it asks as somebody who is in no directory.
  if (!noServer) Object.assign(process.env, asSomebody(await server.token('a-test')));
  const small = useSmallWorld({
    env: noServer ? {} : asSomebody(await server.token(WORKER)),
    change: config => {
      const principals = { person: 'email' as const, workers: [WORKER] };
      config.temporal = { ...config.temporal, address: server.address, principals };
      config.policy = { ...config.policy, decisions: 'verified' };
    },
  });

  /** Something done with a token of their own. */
  async function as<T>(subject: string, act: (client: Client) => Promise<T>): Promise<T> {
    const client = await connectTemporal(
      small.world.config.temporal,
      asSomebody(await server.token(subject)),
    );
    return act(client).finally(() => client.connection.close());
  }
  const signal = (subject: string, { run }: Started, name: string, payload: object): Promise<void> =>
    as(subject, client => client.workflow.getHandle(run).signal(name, payload));
  /** A long poll has to say how long. */
  const soon = <T>(client: Client, call: () => Promise<T>): Promise<T> =>
    client.connection.withDeadline(Date.now() + 60_000, call);
  const olivia = () => mail(small, 'olivia');
  const priya = () => mail(small, 'priya');
  const daniel = () => mail(small, 'daniel');
  const namespace = 'default';

  /** Asked for, planned, and acknowledged by Olivia; what Priya would send to approve it. */
  async function begun(): Promise<Started & { status: Status; approve: { by: string; plan: string } }> {
    const run = await start(small);
    const status = await planned(small, run);
    const category = status.next.find(({ message }) => message === 'acknowledge')?.json.category;
    await signal(olivia(), run, 'acknowledge', { by: olivia(), category });
    await waitFor(small, run, ({ decided }) => decided > 0);
    return { ...run, status, approve: { by: priya(), plan: status.plan!.digest } };
  }
  /** Waits until so many messages have been refused, and says why the last one was. */
  async function refusal(run: Started, count = 1): Promise<string> {
    const { refused } = await waitFor(small, run, status => status.refused.length >= count);
    return refused.at(-1)!.reason;
  }
  const history = async ({ run }: Started) =>
    (await small.world.offboardings.handle(run).fetchHistory()).events ?? [];

  test('decisions that people signal with tokens of their own are verified by Temporal, to the end', async () => {
    const run = await begun();
    await signal(priya(), run, 'approve', run.approve);
    await signal(daniel(), run, 'approve', { ...run.approve, by: daniel() });
    const status = await ended(small, run);
    expect(status).toMatchObject({ outcome: 'completed', refused: [] });
    expect(status.approvals).toMatchObject([
      { by: { name: 'Priya Approver', identity: VERIFIED } },
      { by: { name: 'Daniel Approver', identity: VERIFIED } },
    ]);
    const { entries } = await small.world.worker.deps.store.audit.read(run.offboardingId);
    const approvals = entries.filter(({ body }) => body.message === 'approve');
    expect(approvals.map(({ body }) => body.identity)).toEqual([VERIFIED, VERIFIED]);
    const { rows } = await small.db.store.query(
      'select body from handover.certificate_bodies where offboarding = $1',
      [run.offboardingId],
    );
    expect(rows.at(-1)!.body).toMatch(
      /"approvals":.*"by":"Temporal \(event \d+\)","kind":"verified".*"name":"Priya Approver"/,
    );
  });

  test('so they are from the command line of Temporal, and whatever else their caller says it is', async () => {
    const run = await begun();
    const { path } = await findTemporalCli({ say: () => {} });
    const sent = await runProgram(
      path,
      [
        ...['workflow', 'signal', '--address', server.address, '--workflow-id', run.run, '--name', 'approve'],
        ...['--input', JSON.stringify(run.approve)],
        ...['--grpc-meta', `authorization=Bearer ${await server.token(priya())}`],
      ],
      { timeoutMs: 30_000 },
    );
    expect(sent.why).toBeFalsy();
    // What a caller says of itself changes nothing.
    const forged = { 'temporal-principal-type': 'jwt', 'temporal-principal-name': MALLORY };
    await as(daniel(), client =>
      client.connection.withMetadata(forged, () =>
        client.workflow.getHandle(run.run).signal('approve', { ...run.approve, by: daniel() }),
      ),
    );
    const { approvals } = await waitFor(small, run, status => status.approvals.length === 2);
    expect(approvals.map(({ by }) => by.identity)).toEqual([VERIFIED, VERIFIED]);
  });

  test('so they are from our own, which signals where nobody would see whose an update is', async () => {
    const run = await begun();
    const cli = await cliOf(small);
    onTestFinished(() => cli.remove());
    const says = async (subject: string, by: string) => {
      const token = asSomebody(await server.token(subject));
      return cli.onTerminal(token, 'approve', run.run, run.approve.plan, '--by', by);
    };
    // What came of it is not known yet, and its code says so.
    const sent = { code: 6, out: '', err: expect.stringContaining('It was sent as a signal') };
    expect(await says(priya(), priya())).toMatchObject(sent);
    expect(await says(MALLORY, daniel())).toMatchObject(sent);
    expect(await refusal(run)).toContain(`Temporal says that "${MALLORY}" sent it`);
    const { approvals } = await small.world.offboardings.status(run.run);
    expect(approvals).toMatchObject([{ by: { name: 'Priya Approver', identity: VERIFIED } }]);
  });

  test('who signals in another’s name is refused, and so is whoever is in no directory', async () => {
    const run = await begun();
    await signal(daniel(), run, 'approve', run.approve);
    expect(await refusal(run)).toBe(
      `Nothing proves whose "approve" this is: it says it is from "${priya()}", and Temporal says that "${daniel()}" sent it. Send it in your own name.`,
    );
    await signal(MALLORY, run, 'approve', run.approve);
    expect(await refusal(run, 2)).toContain(`Temporal says that "${MALLORY}" sent it`);
    // To the letter.
    await signal(priya().toUpperCase(), run, 'approve', run.approve);
    expect(await refusal(run, 3)).toContain('Send it in your own name');
    expect((await small.world.offboardings.status(run.run)).approvals).toEqual([]);
  });

  test('an update is nobody’s: its event names the worker that took it', async () => {
    const run = await begun();
    const answer = await as(priya(), client =>
      client.workflow
        .getHandle(run.run)
        .executeUpdate('approve', { args: [run.approve] })
        .catch((error: { cause: { details: { sentence: string }[] } }) => error.cause.details[0]),
    );
    expect(answer).toMatchObject({ verdict: 'refused', sentence: expect.stringContaining('merely says so') });
    const by = (await history(run)).find(event => event.workflowExecutionUpdateAcceptedEventAttributes);
    expect(by!.principal).toMatchObject({ type: 'jwt', name: WORKER });
  });

  test('what a worker, a batch or a workflow sends is nobody’s, whoever asked for it', async () => {
    const run = await begun();
    await signal(WORKER, run, 'approve', run.approve);
    expect(await refusal(run)).toContain(`Temporal says a worker sent it ("${WORKER}")`);
    const payloads = await encodeToPayloads(
      small.world.worker.deps.temporal.options.loadedDataConverter,
      run.approve,
    );
    await as(priya(), client =>
      client.workflowService.startBatchOperation({
        namespace,
        jobId: randomUUID(),
        reason: 'a test',
        executions: [{ workflowId: run.run }],
        signalOperation: { signal: 'approve', input: { payloads } },
      }),
    );
    expect(await refusal(run, 2)).toContain('"temporal/internal" sent it, which is no person');
    // Priya starts a workflow of her own, and is its worker as well.
    await as(priya(), async client => {
      const taskQueue = { name: randomUUID() };
      await client.workflow.start('aWorkflow', { workflowId: randomUUID(), taskQueue: taskQueue.name });
      const { taskToken } = await soon(client, () =>
        client.workflowService.pollWorkflowTaskQueue({ namespace, taskQueue }),
      );
      await client.workflowService.respondWorkflowTaskCompleted({
        namespace,
        taskToken,
        commands: [
          {
            commandType: SIGNAL_EXTERNAL,
            signalExternalWorkflowExecutionCommandAttributes: {
              namespace,
              execution: { workflowId: run.run },
              signalName: 'approve',
              input: { payloads },
            },
          },
        ],
      });
    });
    expect(await refusal(run, 3)).toContain('a workflow sent it, and no person');
    expect((await small.world.offboardings.status(run.run)).approvals).toEqual([]);
  });

  test('a reset makes nobody’s decision somebody else’s: what it sends again proves nothing, what it keeps does', async () => {
    const run = await begun();
    // Daniel claims to be Priya, and whoever resets the run is Priya.
    await signal(daniel(), run, 'approve', run.approve);
    await refusal(run);
    const events = await history(run);
    const acknowledged = events.find(event => event.workflowExecutionSignaledEventAttributes)!;
    const signals = events.filter(
      event => event.workflowExecutionSignaledEventAttributes?.signalName === 'approve',
    );
    const before = events.filter(
      event =>
        event.workflowTaskCompletedEventAttributes && Number(event.eventId) < Number(signals[0]!.eventId),
    );
    await as(priya(), client =>
      client.workflowService.resetWorkflowExecution({
        namespace,
        workflowExecution: { workflowId: run.run },
        reason: 'a test',
        workflowTaskFinishEventId: before.at(-1)!.eventId,
        requestId: randomUUID(),
      }),
    );
    const again = await waitFor(small, run, ({ refused }) => refused.length > 0);
    expect(again.refused.at(-1)!.reason).toContain('a reset of this run sent it again');
    expect(again.approvals).toEqual([]);
    // In the history of the fresh execution it is Priya's.
    const sentAgain = (await history(run)).filter(
      event => event.workflowExecutionSignaledEventAttributes?.signalName === 'approve',
    );
    expect(sentAgain.map(({ principal }) => principal?.name)).toEqual([priya()]);
    const kept = (await history(run)).find(({ eventId }) => Number(eventId) === Number(acknowledged.eventId));
    expect(kept!.principal!.name).toBe(olivia());
    // And what comes after is counted behind it.
    await signal(priya(), run, 'approve', run.approve);
    const { approvals } = await waitFor(small, run, status => status.approvals.length === 1);
    expect(approvals[0]!.by.identity).toEqual(VERIFIED);
  });

  test('signals that came while no worker ran, many in one task, are each their sender’s', async () => {
    const run = await begun();
    await small.world.worker.stop();
    await signal(daniel(), run, 'approve', run.approve);
    await signal(daniel(), run, 'approve', { ...run.approve, by: daniel() });
    await signal(MALLORY, run, 'nothing-we-know', {});
    await signal(MALLORY, run, 'approve', { ...run.approve, by: daniel() });
    await signal(WORKER, run, 'troubled', {});
    // Nobody starts what is running: it is signalled.
    await as(priya(), client =>
      client.workflow.signalWithStart('offboardUser', {
        workflowId: run.run,
        taskQueue: small.world.config.temporal.taskQueue,
        signal: 'approve',
        signalArgs: [run.approve],
      }),
    );
    await small.world.restartWorker();
    const { approvals, refused } = await waitFor(small, run, ({ decided }) => decided >= 7);
    expect(approvals).toMatchObject([
      { by: { name: 'Daniel Approver', identity: VERIFIED } },
      { by: { name: 'Priya Approver', identity: VERIFIED } },
    ]);
    expect(refused.filter(({ message }) => message === 'approve').map(({ reason }) => reason)).toEqual([
      expect.stringContaining(`Temporal says that "${daniel()}" sent it`),
      expect.stringContaining(`Temporal says that "${MALLORY}" sent it`),
    ]);
  });

  test('while the server passes nobody on, nothing is proved, nor afterwards in the same execution', async () => {
    const run = await begun();
    await server.set({ pass: false });
    try {
      await signal(priya(), run, 'approve', run.approve);
      expect(await refusal(run)).toContain('Temporal does not say who sent it');
    } finally {
      await server.set({ pass: true });
    }
    await signal(priya(), run, 'approve', run.approve);
    expect(await refusal(run, 2)).toContain('Temporal does not say who did the work of event');
  });

  test('who answers in a worker’s place has everything believed, and nothing is changed by it', async () => {
    const run = await begun();
    // Our worker leaves activities to whoever polls.
    await small.world.worker.stop();
    await small.world.restartWorker({ worker: { enableNonLocalActivities: false } });
    await signal(MALLORY, run, 'approve', run.approve);
    await signal(MALLORY, run, 'approve', { ...run.approve, by: daniel() });
    await as(MALLORY, async client => {
      const { loadedDataConverter } = client.options;
      const taskQueue = { name: small.world.config.temporal.taskQueue };
      for (let answered = 0; answered < 2; ) {
        const { taskToken, activityType, input } = await soon(client, () =>
          client.workflowService.pollActivityTaskQueue({ namespace, taskQueue }),
        );
        if (activityType?.name !== 'identify') {
          // To be tried again, by a worker.
          await client.workflowService.respondActivityTaskFailed({ namespace, taskToken });
          continue;
        }
        const [{ who, letters }] = (await decodeArrayFromPayloads(loadedDataConverter, input?.payloads)) as [
          { who: string[]; letters: unknown[] },
        ];
        const found = who.map(email => {
          const { id, name, person } = Object.values(small.cast).find(one => one.email === email)!;
          return {
            kind: 'one',
            person: { id, name, human: person, barred: null, operator: true, approver: true, doubt: null },
            identity: { kind: 'claimed' },
            installation: small.world.config.installation,
          };
        });
        const proof = { ok: true, identity: { kind: 'verified', by: 'Temporal (event 1)' } };
        const forged = { found, proofs: letters.map(() => proof), beside: [], unclear: {} };
        const payloads = await encodeToPayloads(loadedDataConverter, forged);
        await client.workflowService.respondActivityTaskCompleted({
          namespace,
          taskToken,
          result: { payloads },
        });
        answered += letters.length;
      }
    });
    await small.world.worker.stop();
    await small.world.restartWorker();
    const parked = await ended(small, run);
    expect(parked.state).toBe('needs-attention');
    expect(JSON.stringify(parked.steps)).toContain('is the work of somebody who is no worker');
    expect(Object.values(parked.steps).map(({ changed }) => changed)).not.toContain(1);
    // And from then on nobody proves anything here.
    await signal(olivia(), run, 'retry', { by: olivia() });
    expect(await refusal(run)).toContain('is the work of somebody who is no worker');
  });

  test('an execution that goes on from another one counts anew', async () => {
    const run = await begun();
    for (const by of [priya(), daniel()]) await signal(by, run, 'pause', { by });
    await signal(olivia(), run, 'pause', { by: olivia() });
    await waitFor(small, run, ({ pausedBy }) => pausedBy !== null);
    const first = await small.world.offboardings.handle(run.run).describe();
    await server.set({ pass: true, suggestAt: 60 });
    try {
      await signal(olivia(), run, 'resume', { by: olivia() });
      for (const end = Date.now() + 30_000; ; ) {
        const { runId } = await small.world.offboardings.handle(run.run).describe();
        if (runId !== first.runId) break;
        if (Date.now() > end) throw new Error('It goes on in no fresh execution.');
        await new Promise(resolve => setTimeout(resolve, 200));
      }
    } finally {
      await server.set({ pass: true });
    }
    await signal(olivia(), run, 'pause', { by: olivia() });
    const { pausedBy } = await waitFor(small, run, status => status.pausedBy !== null);
    expect(pausedBy).toMatchObject({ name: 'Olivia Owner', identity: VERIFIED });
  });
});
