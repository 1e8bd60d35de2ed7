/**
 * A hundred and more mistakes that people and tools make, each with the sentence it gets. Requests and
 * decisions also reach a real run that waits for its approval: nothing gets stuck, nothing changes, and the
 * right decisions work afterwards.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCatalog } from '../../connectors/catalog/file.js';
import { KINDS } from '../../connectors/registry.js';
import { parseDecision, parseRequest } from '../../domain/request.js';
import { readConfig } from '../../runtime/config.js';
import { stable } from '../golden/pictures.js';
import { agree, ended, planned, type Started, start } from '../small-world/drive.js';
import { TABLES } from '../small-world/ground.js';
import { useSmallWorld } from '../small-world/world.js';
import { DECISIONS, PLAN, REFUSALS } from './decisions.js';
import { CATALOGS, CONFIGURATIONS } from './files.js';
import { REQUESTS } from './requests.js';

test('there are a hundred of them, and no two are the same', () => {
  const all = [...REQUESTS, ...DECISIONS, ...REFUSALS, ...CATALOGS, ...CONFIGURATIONS].map(row =>
    JSON.stringify(row),
  );
  expect(all.length).toBeGreaterThanOrEqual(100);
  expect(new Set(all).size).toBe(all.length);
});

describe('files', () => {
  const small = (name: string): string => readFileSync(`test/small-world/${name}`, 'utf8');
  /** With the mistake in it; the mistake must have had a place. */
  const withMistake = (text: string, from: string, to: string): string => {
    expect(text).toContain(from);
    return from === '' ? to : text.replace(from, to);
  };
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'handover-bad-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('the originals have no mistake', () => {
    expect(readCatalog(small('crm.yaml'), 'crm.yaml', KINDS).ok).toBe(true);
    expect(readConfig('test/small-world/handover.yaml').directory).toBe('crm');
  });

  test.each(CATALOGS)('a catalog with %s', (_title, from, to, says) => {
    const reading = readCatalog(withMistake(small('crm.yaml'), from, to), 'crm.yaml', KINDS);
    expect(reading).toEqual({ ok: false, mistakes: [says] });
  });

  test.each(CONFIGURATIONS)('a configuration with %s', (_title, from, to, says) => {
    const file = join(folder, 'handover.yaml');
    writeFileSync(file, withMistake(small('handover.yaml'), from, to));
    let message = '';
    try {
      readConfig(file);
    } catch (error) {
      message = (error as Error).message.replaceAll(`${folder}/`, '');
    }
    expect(message.split('\n')[0]).toBe(says);
    expect(message).not.toContain('secret');
  });
});

describe('in words', () => {
  test.each(REQUESTS)('a request: %s', (_title, given, sentence) => {
    expect(parseRequest(given)).toEqual({ ok: false, sentence });
  });

  test.each(DECISIONS)('%s: %s', (name, _title, given, sentence) => {
    expect(parseDecision(name, given)).toEqual({ ok: false, sentence });
  });
});

describe('to a real run', () => {
  const small = useSmallWorld({ once: true });
  let started: Started;
  let plan: string;
  const client = () => small.world.worker.deps.temporal;
  const status = () => small.world.offboardings.status(started.run);
  beforeAll(async () => {
    started = await start(small);
    // The world ends what a test has started; this run lives through all of them.
    small.started.delete(started.run);
    plan = (await planned(small, started)).plan!.digest;
  });
  afterAll(async () => {
    if (started)
      await small.world.offboardings
        .handle(started.run)
        .terminate('the test is over')
        .catch(() => {});
  });

  /** Every row of every table of the two systems. */
  async function rows(): Promise<string> {
    const digests: string[] = [];
    for (const system of ['crm', 'desk'] as const) {
      for (const table of Object.keys(TABLES[system])) {
        const { rows } = await small.db[system].query(
          `select md5(string_agg(t::text, '|' order by t::text)) as digest from public.${table} t`,
        );
        digests.push(`${system}.${table} ${rows[0].digest}`);
      }
    }
    return digests.join('\n');
  }

  /** What a bad message must leave as it was. */
  async function untouched(): Promise<object> {
    // Who somebody is, is remembered whatever becomes of their message; what a busy machine tries again is no touch.
    const { decided, refused, next, humans, troubles, ...rest } = await status();
    return { ...rest, next, rows: await rows() };
  }

  /**
   * One more message, and its answer: everything that was sent before it has been judged and recorded by
   * then.
   */
  async function judged(): Promise<string> {
    return (await small.world.offboardings.decide(started.run, 'approve', undefined)).sentence;
  }

  /** Waits until the trail has them all: it is written beside the run, which does not wait for it. */
  async function written(): Promise<void> {
    const { audit } = small.world.worker.deps.store;
    const { decided } = await status();
    const refusals = async () =>
      (await audit.read(started.offboardingId)).entries.filter(entry => entry.kind === 'refusal').length;
    while ((await refusals()) < decided) await new Promise(resolve => setTimeout(resolve, 50));
    expect(await refusals()).toBe(decided);
  }

  const forRun = (given: unknown): unknown =>
    JSON.parse((JSON.stringify(given) ?? 'null').replaceAll(PLAN, plan.slice(0, 12)));

  test('requests: each is answered by the front door, none starts anything', async () => {
    const before = await untouched();
    const answers: unknown[] = [];
    // A request of a megabyte is large for a history, so it is sent like all others, and ten at once.
    for (let n = 0; n < REQUESTS.length; n += 10) {
      const some = REQUESTS.slice(n, n + 10).map(([, given]) => small.world.offboardings.request(given));
      answers.push(...(await Promise.all(some)));
    }
    expect(answers).toEqual(
      REQUESTS.map(([, , sentence]) => ({
        answer: 'not-started',
        reason: sentence,
        next: 'Nothing was started and nothing was changed. Mend the request and send it again.',
      })),
    );
    expect(await untouched()).toEqual(before);
  });

  test('decisions as updates: each is refused in its own words', async () => {
    const before = await untouched();
    const { decided } = await status();
    for (const [name, title, given, sentence] of [...DECISIONS, ...REFUSALS]) {
      const answer = await small.world.offboardings.decide(
        started.run,
        name,
        given === undefined ? undefined : forRun(given),
      );
      const said = { verdict: answer.verdict, sentence: stable(answer.sentence) };
      expect(said, `${name}: ${title}`).toEqual({ verdict: 'refused', sentence: stable(sentence) });
    }
    expect((await status()).decided).toBe(decided + DECISIONS.length + REFUSALS.length);
    await written();
    expect(await untouched()).toEqual(before);
  });

  test('the same as signals: each is recorded with its reason, none is lost', async () => {
    const before = await untouched();
    const { decided } = await status();
    const all = [...DECISIONS, ...REFUSALS];
    for (const [name, , given] of all) await small.world.offboardings.tell(started.run, name, forRun(given));
    // Whoever reads the trail while it grows never sees a broken chain.
    const breaks: string[] = [];
    let reading = true;
    const reader = (async () => {
      while (reading)
        breaks.push(...(await small.world.worker.deps.store.audit.read(started.offboardingId)).breaks);
    })();
    const last = await judged();
    await written();
    reading = false;
    await reader;
    expect(breaks).toEqual([]);
    const after = await status();
    expect(after.decided).toBe(decided + all.length + 1);
    const reasons = all.slice(-19).map(([, , , sentence]) => stable(sentence));
    expect(after.refused.map(({ reason }) => stable(reason))).toEqual([...reasons, last]);
    expect(await untouched()).toEqual(before);
  });

  test('odd payloads: none, two, and one in an encoding that nobody reads', async () => {
    const before = await untouched();
    const { decided } = await status();
    const { offboardings } = small.world;
    await offboardings.tell(started.run, 'approve');
    await offboardings.tell(started.run, 'approve', 'one', { by: 'priya' });
    await offboardings.tell(started.run, 'whatever', { by: 'priya' });
    // What the Temporal UI sends when "json/protobuf" is chosen there.
    await client().connection.workflowService.signalWorkflowExecution({
      namespace: small.world.config.temporal.namespace,
      workflowExecution: { workflowId: started.run },
      signalName: 'approve',
      input: {
        payloads: [
          { metadata: { encoding: Buffer.from('json/protobuf') }, data: Buffer.from('{"by": "priya"}') },
        ],
      },
    });
    await client().connection.workflowService.signalWorkflowExecution({
      namespace: small.world.config.temporal.namespace,
      workflowExecution: { workflowId: started.run },
      signalName: 'retry',
      input: {
        payloads: [{ metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('{"by": ') }],
      },
    });
    await judged();
    await written();
    const after = await status();
    expect(after.decided).toBe(decided + 6);
    expect(after.refused.slice(-6, -1).map(({ reason }) => reason)).toEqual([
      '"approve" takes one JSON object such as {"by": "you@example.com", "plan": "<digest>"}; given was nothing.',
      '"approve" takes one JSON object such as {"by": "you@example.com", "plan": "<digest>"}; given was "one".',
      expect.stringMatching(/^There is no message "whatever". Known are: approve, /),
      expect.stringMatching(
        /^The payload of "approve" could not be decoded \(.+\)\. Send it as json\/plain\.$/,
      ),
      expect.stringMatching(
        /^The payload of "retry" could not be decoded \(.+\)\. Send it as json\/plain\.$/,
      ),
    ]);
    expect(await untouched()).toEqual(before);
  });

  test('the run is not stuck and not failed: its last task completed, and nothing is pending', async () => {
    const handle = small.world.offboardings.handle(started.run);
    const { raw, status: state } = await handle.describe();
    expect(state.name).toBe('RUNNING');
    expect(raw.pendingWorkflowTask?.attempt ?? 1).toBe(1);
    expect(raw.pendingActivities ?? []).toEqual([]);
    const { events } = await handle.fetchHistory();
    expect(events!.filter(event => event.workflowTaskFailedEventAttributes)).toEqual([]);
    await expect(handle.executeUpdate('approve', { args: [] })).rejects.toMatchObject({
      cause: { type: 'refused' },
    });
    await written();
  });

  test('every refusal is in the trail, and the history stays small', async () => {
    await written();
    const history = await small.world.offboardings.handle(started.run).describe();
    // A megabyte twice as a message, once as an update and once as a signal; we never copy it.
    expect(Number(history.raw.workflowExecutionInfo?.historySizeBytes)).toBeLessThan(3_000_000);
  });

  test('and then the right decisions do their work', async () => {
    await agree(small, started);
    expect(await ended(small, started)).toMatchObject({ state: 'closed', outcome: 'completed' });
  });
});
