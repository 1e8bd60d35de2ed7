// A target that accepts and never answers holds nobody for long, wherever it falls silent: connecting,
// a statement, COMMIT, a cancellation, closing.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Intent } from '../../domain/effect.js';
import { type CutHow, type Link, openLink } from '../faults/link.js';
import {
  ALICE,
  account,
  allPages,
  type Bench,
  batchOf,
  createBench,
  failureOf,
  PEOPLE_YAML,
  type WholeConnector,
  witness,
} from './fixture.js';

/** A second for a statement: what is waited for beyond that is ours. */
const YAML = `${PEOPLE_YAML.replace('statement_timeout: 5s', 'statement_timeout: 1s')}
categories:
  tasks: { title: Tasks, do: transfer, table: public.tasks, key: [id], owner: { column: owner_id } }
`;
const alice = account(ALICE);

let bench: Bench;
const links: Link[] = [];
beforeAll(async () => {
  bench = await createBench('deadlines');
});
afterAll(async () => {
  await Promise.all(links.map(link => link.close()));
  await bench.drop();
});

interface Far {
  bench: Bench;
  link: Link;
  connector: WholeConnector;
}

/** A CRM of its own behind a link that falls silent at what `watch` says. */
async function behindALink(name: string, watch: RegExp): Promise<Far> {
  const own = await createBench(
    `deadlines_${name}`,
    `CREATE TABLE tasks (id bigint PRIMARY KEY, owner_id bigint); INSERT INTO tasks SELECT n, 1 FROM generate_series(1, 5) AS n`,
  );
  const { hostname, port } = new URL(own.url);
  const link = await openLink({ target: () => ({ host: hostname, port: Number(port) }), watch });
  links.push(link);
  const url = new URL(own.url);
  url.port = String(link.port);
  return { bench: own, link, connector: own.connector(YAML, { url: url.href }) };
}

/** What `work` fails with, and after how many seconds. */
async function timed(work: Promise<unknown>): Promise<{ kind: string; message: string; seconds: number }> {
  const since = performance.now();
  return { ...(await failureOf(work)), seconds: (performance.now() - since) / 1000 };
}

describe.concurrent('an attempt ends by our own clock', () => {
  const moments: [
    moment: string,
    watch: RegExp,
    how: CutHow | 'hold',
    work: (far: Far) => Promise<unknown>,
  ][] = [
    [
      'as soon as we have connected',
      /never/,
      'hold',
      ({ connector }) => connector.inventory([alice], ['tasks']),
    ],
    [
      'once we have logged in',
      /pg_control_system/,
      'drown',
      ({ connector }) => connector.inventory([alice], ['tasks']),
    ],
    ['while it reads', /status <> 3/, 'drown', ({ connector }) => connector.readAccount(alice)],
    ['while pages are read', /^FETCH/, 'drown', ({ connector }) => allPages(connector, alice, 'tasks')],
    ['at BEGIN', /^BEGIN.*pg_current_xact_id/s, 'drown', moving()],
    ['in the middle of a batch', /^UPDATE/, 'drown', moving()],
    ['when the change has been made', /^UPDATE/, 'mute', moving()],
  ];
  test.each(moments)('where it falls silent %s', async (_, watch, how, work) => {
    const far = await behindALink('silent', watch);
    try {
      // Reading the schema comes first, over the same link.
      if (how === 'hold') far.link.hold();
      else void far.link.cut(1, how);
      const failure = await timed(work(far));
      expect(failure).toMatchObject({ kind: 'transient', message: expect.stringContaining('crm: while') });
      expect(failure.seconds).toBeLessThan(25);
      far.link.release();
    } finally {
      await far.bench.drop();
    }
  });

  test.each([
    ['before it is there: it did not happen', 'drown' as const, { kind: 'did-not', sure: 'asked' }],
    ['after it was carried out: it happened', 'mute' as const, { kind: 'happened', sure: 'asked' }],
  ])('where it falls silent at COMMIT, %s', async (_, how, fate) => {
    const far = await behindALink('commit', /^COMMIT/);
    try {
      const batch = await batchOf(far.connector, alice, 'tasks');
      void far.link.cut(1, how);
      let intent: Intent | undefined;
      const failure = await timed(
        far.connector.apply(
          batch,
          witness(one => (intent = one)),
        ),
      );
      expect(failure).toMatchObject({ kind: 'transient' });
      expect(failure.seconds).toBeLessThan(25);
      // The server notices a moment later that nobody is there any more.
      const asked = async () => far.connector.fateOf(batch, intent!);
      let became = await asked();
      for (let n = 0; n < 50 && became.kind === 'under-way'; n++) {
        await new Promise(resolve => setTimeout(resolve, 100));
        became = await asked();
      }
      expect(became).toMatchObject(fate);
    } finally {
      await far.bench.drop();
    }
  });

  test('whoever asks to stop does not wait for a server that does not answer', async () => {
    const far = await behindALink('abort', /^UPDATE/);
    try {
      const batch = await batchOf(far.connector, alice, 'tasks');
      const silent = far.link.cut(1, 'drown');
      const stop = new AbortController();
      const since = performance.now();
      const work = far.connector.apply(batch, witness(), stop.signal);
      await silent;
      // Nor does the one that is to cancel it get an answer.
      far.link.hold();
      stop.abort(new Error('enough'));
      await expect(work).rejects.toThrow('enough');
      expect(performance.now() - since).toBeLessThan(8_000);
      far.link.release();
    } finally {
      await far.bench.drop();
    }
  });

  test('whoever asks to stop during a COMMIT without an answer leaves it in doubt', async () => {
    const far = await behindALink('abort_commit', /^COMMIT/);
    try {
      const batch = await batchOf(far.connector, alice, 'tasks');
      const silent = far.link.cut(1, 'mute');
      const stop = new AbortController();
      let intent: Intent | undefined;
      const since = performance.now();
      const work = far.connector.apply(
        batch,
        witness(one => (intent = one)),
        stop.signal,
      );
      await silent;
      stop.abort(new Error('enough'));
      await expect(work).rejects.toThrow('enough');
      expect(performance.now() - since).toBeLessThan(8_000);
      expect(await far.connector.fateOf(batch, intent!)).toMatchObject({ kind: 'happened', sure: 'asked' });
    } finally {
      await far.bench.drop();
    }
  });

  test('where it falls silent at ROLLBACK', async () => {
    const far = await behindALink('rollback', /^ROLLBACK/);
    try {
      const batch = await batchOf(far.connector, alice, 'tasks');
      void far.link.cut(1, 'drown');
      const since = performance.now();
      const work = far.connector.apply(
        batch,
        witness(() => {
          throw new Error('no receipt');
        }),
      );
      await expect(work).rejects.toThrow('no receipt');
      expect(performance.now() - since).toBeLessThan(25_000);
    } finally {
      await far.bench.drop();
    }
  });

  test('closing does not wait for it', async () => {
    const far = await behindALink('closing', /^UPDATE/);
    try {
      const batch = await batchOf(far.connector, alice, 'tasks');
      const silent = far.link.cut(1, 'drown');
      const work = far.connector.apply(batch, witness());
      work.catch(() => {});
      await silent;
      far.link.hold();
      const since = performance.now();
      await far.connector.close();
      expect(performance.now() - since).toBeLessThan(5_000);
      await expect(work).rejects.toThrow();
      far.link.release();
    } finally {
      await far.bench.drop();
    }
  });
});

function moving(): (far: Far) => Promise<unknown> {
  return async ({ connector, link }) => {
    const batch = await batchOf(connector, alice, 'tasks');
    return connector.apply(batch, witness()).finally(() => link.watched());
  };
}
