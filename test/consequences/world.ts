/**
 * Little applications, each with a schema and a catalog of its own: what a test writes, or what was drawn for
 * it. Alice leaves, Bob takes over, Olivia asks and Priya approves; Carol is somebody else.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { expect } from 'vitest';
import type { DecisionName } from '../../domain/request.js';
import type { Status } from '../../workflows/messages.js';
import { startWorld, type World, type WorldOptions } from '../support/world.js';

export interface App {
  /** What stands beside `public.users`. */
  sql: string;
  /** Lines of YAML below `categories:`, not indented. */
  categories: string;
  /** What follows the categories; switching off sets `active` where nothing else is said. */
  rest?: string;
}

export const PEOPLE = `
  create table public.users (
    id bigint primary key, name text not null, email text, login text, active boolean not null default true,
    is_admin boolean not null default false, reviews boolean not null default false);
  insert into public.users (id, name, email, login, is_admin, reviews) values
    (1, 'Alice', 'alice@corp.example', 'alice', false, false), (2, 'Bob', 'bob@corp.example', 'bob', false, false),
    (3, 'Olivia', 'olivia@corp.example', 'olivia', true, false), (4, 'Priya', 'priya@corp.example', 'priya', false, true),
    (5, 'Carol', 'carol@corp.example', 'carol', false, false);`;

const CATALOG = `version: 1
system: app
title: App
kind: postgres
connect: { statement_timeout: 10s, lock_timeout: 2s }
people:
  table: public.users
  key: id
  name: name
  email: email
  match: [{ by: id, column: id, fold: none }, { by: email, column: email }, { by: login, column: login }]
  active: users.active
  roles: { operator: users.is_admin, approver: users.reviews }
`;

const CONFIG = `version: 1
directory: app
systems: { app: { catalog: app.yaml, connection: APP_URL } }
store: { connection: HANDOVER_STORE_URL }
policy: { coverage: advisory, batch: BATCH, sweep: off }
`;

export const OFF = 'deactivate: { set: { active: false }, verify: not users.active }';

export function catalogOf({ categories, rest = OFF }: Pick<App, 'categories' | 'rest'>): string {
  const indented = categories.trim().replace(/^/gm, '  ');
  return `${CATALOG}categories:\n${indented}\n${rest}\n`;
}

export interface Running {
  world: World;
  run: string;
  db: pg.Pool;
  /** Rows as arrays of values. */
  rows(sql: string): Promise<unknown[][]>;
  /** Sends a decision that must be accepted. */
  say(name: DecisionName, by: string, more?: Record<string, unknown>): Promise<void>;
  until(what: (status: Status) => boolean): Promise<Status>;
  /** Approves the plan, acknowledging first what is asked for, and waits until the run rests. */
  agree(): Promise<Status>;
  /** The certificate of the run. */
  certificate(): Promise<Record<string, unknown>>;
  /** Receipts that stand, oldest first. */
  receipts(): Promise<Record<string, unknown>[]>;
}

export const AT_REST = ['closed', 'needs-attention', 'needs-correction', 'awaiting-approval'];

/** Starts the application, asks for Alice's offboarding, waits for its plan, and lets `work` go on from there. */
export async function inApp(
  app: App,
  work: (planned: Status, it: Running) => Promise<void>,
  options: Pick<WorldOptions, 'wrap'> & {
    request?: Record<string, unknown>;
    /** Further lines of `people`. */
    people?: Record<string, string>;
    /** Items per page; 1,000 where nothing is said. */
    batch?: number;
  } = {},
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'handover-app-'));
  writeFileSync(join(dir, 'handover.yaml'), CONFIG.replace('BATCH', String(options.batch ?? 1_000)));
  const more = Object.entries(options.people ?? {}).map(([key, value]) => `  ${key}: ${value}\n`);
  writeFileSync(join(dir, 'app.yaml'), catalogOf(app).replace('people:\n', `people:\n${more.join('')}`));
  const world = await startWorld({
    config: join(dir, 'handover.yaml'),
    seed: async () => {},
    patience: { transient: 1_000, locked: 1_000, throttled: 1_000 },
    wrap: options.wrap,
  });
  try {
    const db = world.db.app!;
    await db.query(`${PEOPLE}\n${app.sql}`);
    const answer = await world.offboardings.request({
      user: 'alice@corp.example',
      requestedBy: 'olivia@corp.example',
      successor: 'bob@corp.example',
      ...options.request,
    });
    if (answer.answer !== 'started') throw new Error(JSON.stringify(answer));
    const it = driver(world, answer.workflowId, answer.offboardingId);
    await work(await it.until(({ state }) => AT_REST.includes(state)), it);
  } finally {
    await world.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

function driver(world: World, run: string, offboarding: string): Running {
  const db = world.db.app!;
  const store = world.db.store!;
  const until = (what: (status: Status) => boolean) =>
    world.offboardings.waitFor(run, what, { everyMs: 25, timeoutMs: 30_000 });
  const say = async (name: DecisionName, by: string, more: Record<string, unknown> = {}) => {
    const answer = await world.offboardings.decide(run, name, { by: `${by}@corp.example`, ...more });
    expect(answer, JSON.stringify(answer)).toMatchObject({ verdict: 'accepted' });
  };
  return {
    world,
    run,
    db,
    until,
    say,
    rows: async sql => (await db.query({ text: sql, rowMode: 'array' })).rows as unknown[][],
    async agree() {
      const before = await world.offboardings.status(run);
      const category = before.next.find(({ message }) => message === 'acknowledge')?.json.category;
      if (category !== undefined) await say('acknowledge', 'olivia', { category });
      await say('approve', 'priya', { plan: before.plan!.digest });
      const { revision } = before;
      return until(
        ({ state, revision: now }) =>
          AT_REST.includes(state) && (state !== 'awaiting-approval' || now > revision),
      );
    },
    async certificate() {
      await world.offboardings.result(run);
      const { rows } = await store.query(
        'select body from handover.certificate_bodies where offboarding = $1',
        [offboarding],
      );
      return JSON.parse(rows[0].body);
    },
    receipts: async () =>
      (
        await store.query(
          `select step, did, state, changed, merged, exceptions, elsewhere from handover.receipts
            where offboarding = $1 and state <> 'aborted' order by at`,
          [offboarding],
        )
      ).rows.map(row => ({
        ...row,
        exceptions: JSON.parse(row.exceptions),
        elsewhere: JSON.parse(row.elsewhere),
      })),
  };
}
