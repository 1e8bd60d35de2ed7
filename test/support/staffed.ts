/**
 * A Handover for one real application, which a catalog describes, and whose people a little directory in
 * PostgreSQL knows; and one departure in it, stage by stage.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { OffboardingRequest } from '../../domain/request.js';
import type { Sweep } from '../../domain/sweep.js';
import type { Status } from '../../workflows/messages.js';
import { EACH_SECOND } from '../e2e/sweeps.js';
import { startWorld, type World } from './world.js';

const IN_TIME = { everyMs: 50, timeoutMs: 90_000 };

export interface Employee {
  name: string;
  email: string;
  manager?: string;
  role?: 'operator' | 'approver';
}

const STAFF = `version: 1
system: staff
title: Staff
kind: postgres
people:
  table: public.staff
  key: id
  name: name
  email: email
  match: [{ by: email, column: email }]
  active: staff.active
  blocked: staff.barred
  manager: manager
  roles: { operator: staff.role = 'operator', approver: staff.role = 'approver' }
categories: {}
block: { set: { barred: true }, verify: staff.barred }
unblock: { set: { barred: false }, verify: not staff.barred }
deactivate: { set: { active: false }, verify: not staff.active }
reactivate: { set: { active: true }, verify: staff.active }
`;
const TABLE = `create table staff (id serial primary key, name text not null, email text, manager int, role text,
     active boolean not null default true, barred boolean not null default false)`;

export interface Staffed {
  world: World;
  /** Asks for an offboarding by the operator. */
  depart(request: Omit<OffboardingRequest, 'requestedBy'>): Promise<Departure>;
  stop(): Promise<void>;
}

export interface Departure {
  offboardingId: string;
  /** Once it waits for people, or has closed. */
  planned(): Promise<Status>;
  /** Everything is acknowledged by the operator, and the plan approved. */
  agree(): Promise<void>;
  /** Once it has closed, or is parked. */
  ended(): Promise<Status>;
  decide(name: string, by: 'operator' | 'approver', more?: Record<string, unknown>): Promise<void>;
  /** Of which kinds its record's entries are, in their order. */
  happened(): Promise<string[]>;
  sweep: {
    until(is: (sweep: Sweep) => boolean): Promise<Sweep>;
    /** It is ended by the operator. */
    finish(): Promise<Sweep>;
  };
  /** The addenda to its certificate, in their order: their numbers, and what stands in them. */
  addenda(): Promise<Record<string, unknown>[]>;
}

/**
 * @param system its name and where its catalog is
 * @param connect parts of its connection
 * @param people the operator and the approver among them
 */
export async function startStaffed(
  system: { name: string; catalog: string },
  connect: Record<string, string>,
  people: readonly Employee[],
): Promise<Staffed> {
  const dir = await mkdtemp(join(tmpdir(), `handover-${system.name}-run-`));
  const variables = Object.keys(connect).map(part => [part, `THERE_${part.toUpperCase()}`] as const);
  await writeFile(join(dir, 'staff.yaml'), STAFF);
  await writeFile(
    join(dir, 'handover.yaml'),
    JSON.stringify({
      version: 1,
      directory: 'staff',
      systems: {
        staff: { catalog: 'staff.yaml', connection: 'STAFF_URL' },
        [system.name]: { catalog: system.catalog, connect: Object.fromEntries(variables) },
      },
      policy: { sweep: EACH_SECOND },
      store: { connection: 'HANDOVER_STORE_URL' },
    }),
  );
  const world = await startWorld({
    config: join(dir, 'handover.yaml'),
    env: Object.fromEntries(variables.map(([part, variable]) => [variable, connect[part]!])),
    seed: async () => {},
  });
  await world.db.staff!.query(TABLE);
  for (const { name, email, role = null } of people)
    await world.db.staff!.query('insert into staff (name, email, role) values ($1, $2, $3)', [
      name,
      email,
      role,
    ]);
  for (const { email, manager } of people.filter(one => one.manager))
    await world.db.staff!.query(
      'update staff set manager = (select id from staff where email = $2) where email = $1',
      [email, manager],
    );
  const mailOf = (role: string): string => people.find(one => one.role === role)!.email;
  return {
    world,
    async depart(request) {
      const answer = await world.offboardings.request({ ...request, requestedBy: mailOf('operator') });
      if (answer.answer !== 'started') throw new Error(`Not started: ${JSON.stringify(answer)}`);
      return departureOf(world, answer, mailOf);
    },
    async stop() {
      await world.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function departureOf(
  { offboardings, worker, db }: World,
  { workflowId: run, offboardingId }: { workflowId: string; offboardingId: string },
  mailOf: (role: string) => string,
): Departure {
  const sweepId = offboardings.ids.sweep(offboardingId);
  const until = (is: (status: Status) => boolean) => offboardings.waitFor(run, is, IN_TIME);
  const decide: Departure['decide'] = async (name, by, more = {}) => {
    const answer = await offboardings.decide(run, name, { by: mailOf(by), ...more });
    expect(answer).toMatchObject({ verdict: 'accepted' });
  };
  return {
    offboardingId,
    decide,
    planned: () => until(({ state }) => state !== 'preparing'),
    async agree() {
      const { next, plan } = await offboardings.status(run);
      const category = next.find(({ message }) => message === 'acknowledge')?.json.category;
      if (category !== undefined) await decide('acknowledge', 'operator', { category });
      await decide('approve', 'approver', { plan: plan!.digest });
    },
    ended: () => until(({ state }) => state === 'closed' || state === 'needs-attention'),
    async happened() {
      const { entries } = await worker.deps.store.audit.read(offboardingId);
      return entries.map(({ kind }) => kind);
    },
    sweep: {
      async until(is) {
        const end = Date.now() + IN_TIME.timeoutMs;
        for (;;) {
          const now = await offboardings.handle(sweepId).query<Sweep>('status');
          if (is(now)) return now;
          if (Date.now() > end) throw new Error(`It never came to that: ${JSON.stringify(now)}`);
          await new Promise(resolve => setTimeout(resolve, IN_TIME.everyMs));
        }
      },
      async finish() {
        const by = mailOf('operator');
        const answer = await offboardings.decide(sweepId, 'finish', { by, reason: 'seen' });
        expect(answer).toMatchObject({ verdict: 'accepted' });
        return (await offboardings.handle(sweepId).result()) as Sweep;
      },
    },
    async addenda() {
      const { rows } = await db.store!.query(
        'select number, body from handover.certificate_bodies where offboarding = $1 and number > 0 order by number',
        [offboardingId],
      );
      return rows.map(row => ({ number: row.number, ...JSON.parse(row.body as string) }));
    },
  };
}
