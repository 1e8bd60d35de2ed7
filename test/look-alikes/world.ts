/**
 * A world in which people are easily taken for one another. Every test says who there is and what they hold:
 * Zoe leaves, Ben takes over, Ola asks and Pam approves. In SQL, `:zoe` and `:kim` are their numbers, new ones
 * for every test, because earlier plans remember people.
 */
import { randomInt } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import type { DecisionName } from '../../domain/request.js';
import type { Status } from '../../workflows/messages.js';
import { startWorld, type World } from '../support/world.js';

const SCHEMA = {
  staff: `
    create table employees (no bigint primary key, name text not null, mail text, nick text, person_no text,
      works boolean not null default true, runs boolean not null default false, signs boolean not null default false);
    create table nicknames (nick text primary key, employee bigint not null);
    create table memos (id int primary key, author text not null);
    create table drafts (id int primary key, author text not null)`,
  board: `
    create extension citext;
    create table members (id int primary key, name text not null, mail text, nick text, active boolean not null default true);
    create table cards (id int primary key, member int);
    create table pins (id int primary key, owner citext not null);
    create function lowered() returns trigger language plpgsql as $$ begin new.owner := lower(new.owner::text); return new; end $$;
    create trigger lowered before update on pins for each row execute function lowered()`,
};

export interface LookAlikes {
  world: World;
  staff(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  board(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** Asks for Zoe's offboarding and waits for its plan, or for what is in its way. */
  ask(request?: Record<string, unknown>): Promise<Status>;
  /** Sends a decision that must be accepted. */
  say(name: DecisionName, by: 'ola' | 'pam', more?: Record<string, unknown>): Promise<void>;
  until(what: (status: Status) => boolean): Promise<Status>;
  /** Acknowledges what is open, approves, and waits until the run is at rest. */
  agree(): Promise<Status>;
}

const AT_REST = ['closed', 'needs-attention', 'needs-correction', 'awaiting-approval'];

export function useLookAlikes(): LookAlikes {
  const it = {} as LookAlikes;
  let run = '';
  let zoe = 0;
  beforeAll(async () => {
    it.world = await startWorld({
      config: 'test/look-alikes/handover.yaml',
      seed: async () => {},
      patience: { transient: 1_500, locked: 1_500, throttled: 1_500 },
    });
    const on =
      (system: string) =>
      async (sql: string, values: unknown[] = []) =>
        (await it.world.db[system]!.query(named(sql), values)).rows as Record<string, unknown>[];
    const named = (sql: string): string =>
      sql
        .replaceAll(':zoe', String(zoe))
        .replaceAll(':kim', String(zoe + 4))
        .replaceAll(':ben', String(zoe + 1));
    it.staff = on('staff');
    it.board = on('board');
    await it.staff(SCHEMA.staff);
    await it.board(SCHEMA.board);
  });
  beforeEach(async () => {
    zoe = randomInt(1, 2 ** 40) * 10;
    await it.staff(`truncate employees, nicknames, memos, drafts;
      insert into employees (no, name, mail, nick, runs, signs) values
        (:zoe, 'Zoe Zimmer', 'zoe@corp.example', 'zoe', false, false), (:ben, 'Ben Berg', 'ben@corp.example', 'ben', false, false),
        (:zoe + 2, 'Ola Ost', 'ola@corp.example', 'ola', true, false), (:zoe + 3, 'Pam Pohl', 'pam@corp.example', 'pam', false, true),
        (:kim, 'Kim Kern', 'kim@corp.example', 'kim', false, false);
      insert into nicknames values ('zoe', :zoe), ('ben', :ben)`);
    await it.board(`truncate members, cards, pins;
      insert into members (id, name, mail) values (17, 'Zoe', 'zoe@corp.example'), (18, 'Ben', 'ben@corp.example'), (19, 'Kim', 'kim@corp.example');
      insert into cards select n, 17 from generate_series(1, 4) n`);
  });
  afterEach(async () => {
    await it.world.offboardings
      .handle(run)
      .terminate('the test is over')
      .catch(() => {});
  });
  afterAll(() => it.world?.stop());
  const { ask, say, until, agree } = {
    async ask(request: Record<string, unknown> = {}) {
      const answer = await it.world.offboardings.request({
        user: `id:${zoe}`,
        requestedBy: 'ola@corp.example',
        successor: 'ben@corp.example',
        ...request,
      });
      if (answer.answer !== 'started') throw new Error(JSON.stringify(answer));
      run = answer.workflowId;
      return until(({ state }) => AT_REST.includes(state));
    },
    async say(name: DecisionName, by: 'ola' | 'pam', more: Record<string, unknown> = {}) {
      const answer = await it.world.offboardings.decide(run, name, { by: `${by}@corp.example`, ...more });
      expect(answer).toMatchObject({ verdict: 'accepted' });
    },
    until: (what: (status: Status) => boolean) =>
      it.world.offboardings.waitFor(run, what, { everyMs: 25, timeoutMs: 30_000 }),
    async agree() {
      const before = await it.world.offboardings.status(run);
      const category = before.next.find(({ message }) => message === 'acknowledge')?.json.category;
      if (category !== undefined) await say('acknowledge', 'ola', { category });
      const { revision } = before;
      await say('approve', 'pam', { plan: before.plan!.digest });
      return until(
        one =>
          one.state === 'closed' ||
          one.state === 'needs-attention' ||
          one.state === 'needs-correction' ||
          (one.state === 'awaiting-approval' && one.revision > revision),
      );
    },
  };
  return Object.assign(it, { ask, say, until, agree });
}
