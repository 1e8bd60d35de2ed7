/**
 * What each offboarding is: whose, under which workflow id, what it is to do by now, and when it was asked
 * for and closed.
 */
import { canonicalJson } from '../domain/plan.js';
import { type Order, parseRequest } from '../domain/request.js';
import type { Pool } from './database.js';

export interface NewOffboarding {
  id: string;
  workflow: string;
  /** Directory id. */
  leaver: string;
  /** The same for two directory entries of one human being. */
  human: string;
  /** As it stands now, accepted amendments included. */
  order: Order;
}

/** One line of the store's about an offboarding, or about a sweep. */
export interface Known {
  offboarding: string;
  /** Temporal's workflow id. */
  workflow: string;
  requested: Date;
  /** Null: its run is open. */
  closed: Date | null;
}

export interface Offboardings {
  /** Keeps what the offboarding is to do by now; its first word makes the row. */
  ordered(offboarding: NewOffboarding): Promise<void>;
  /**
   * The order of the leaver's open run; null when there is none, or when it is from a version whose orders
   * this one cannot read.
   */
  openOrder(leaver: string): Promise<Order | null>;
  /** What an offboarding is to do by now; null as with `openOrder`. */
  orderOf(id: string): Promise<Order | null>;
  /** Temporal's workflow id; null when the store does not know the offboarding. */
  workflowOf(id: string): Promise<string | null>;
  /**
   * Under which workflow id an offboarding, sweep or give-back runs, and its first execution (Temporal run id),
   * as its chain has it; null when the store does not know it.
   */
  ownerOf(id: string): Promise<{ workflow: string; first: string | null } | null>;
  /** What this human being was the leaver of before, newest first; sweeps are among them. */
  before(id: string): Promise<Known[]>;
}

export function offboardingsOf(pool: Pool): Offboardings {
  return {
    async ordered({ id, workflow, leaver, human, order }) {
      await pool.query(
        `insert into handover.offboardings (id, workflow, leaver, human, "order") values ($1, $2, $3, $4, $5)
         on conflict (id) do update set human = excluded.human, "order" = excluded."order"`,
        [id, workflow, leaver, human, canonicalJson(order)],
      );
    },
    async openOrder(leaver) {
      const { rows } = await pool.query(
        `select o."order" from handover.open_runs r join handover.offboardings o on o.id = r.offboarding where r.leaver = $1`,
        [leaver],
      );
      return orderIn(rows[0]?.order);
    },
    async orderOf(id) {
      const { rows } = await pool.query('select "order" from handover.offboardings where id::text = $1', [
        id,
      ]);
      return orderIn(rows[0]?.order);
    },
    async workflowOf(id) {
      const { rows } = await pool.query('select workflow from handover.offboardings where id::text = $1', [
        id,
      ]);
      return (rows[0]?.workflow as string | undefined) ?? null;
    },
    async ownerOf(id) {
      const { rows } = await pool.query<{ workflow: string; body: string | null }>(
        `select o.workflow, b.body
           from handover.offboardings o
           left join handover.audit a on a.offboarding = o.id and a.subject in ('requested', 'opened')
           left join handover.audit_bodies b on b.offboarding = a.offboarding and b.seq = a.seq
          where o.id::text = $1`,
        [id],
      );
      const row = rows[0];
      if (!row) return null;
      const first = row.body === null ? null : (JSON.parse(row.body) as { first?: string }).first;
      return { workflow: row.workflow, first: first ?? null };
    },
    async before(id) {
      const { rows } = await pool.query<Known>(
        `select earlier.id as offboarding, earlier.workflow, earlier.requested, earlier.closed
           from handover.offboardings this
           join handover.offboardings earlier
             on (earlier.human = this.human or earlier.leaver = this.leaver) and earlier.requested < this.requested
          where this.id::text = $1
          order by earlier.requested desc, earlier.id`,
        [id],
      );
      return rows;
    },
  };
}

/** An order as it is stored; null where this version cannot read it. */
export function orderIn(text: string | undefined): Order | null {
  if (text === undefined) return null;
  const order = parseRequest(JSON.parse(text));
  return order.ok ? order.value : null;
}
