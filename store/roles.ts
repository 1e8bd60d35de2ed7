/**
 * Two roles. The owner of the tables migrates and purges. Workers, and whoever reads, come as another role: it
 * adds to the evidence and makes the few updates that are part of a run. DELETE, TRUNCATE and anything that
 * changes the tables themselves is refused to it by the database; so a worker that was broken into can add
 * what it likes, and cannot take back what was written.
 */
import pg from 'pg';
import { connectionConfig, migrate, type Queryable } from './database.js';

/** The worker's role may do as it likes: its database would refuse it nothing. */
export class SameRole extends Error {
  override readonly name = 'SameRole';
}

/** What workers may do to a table, beside reading it. */
export interface Rights {
  insert?: true;
  /** Columns. */
  update?: readonly string[];
  delete?: true;
  /** Evidence: what is lost or changed here must be named by an audit. The rest is for the work of the day. */
  evidence: boolean;
}

const adds: Rights = { insert: true, evidence: true };

/** Every table of ours. A table that is not in here is out of a worker's reach. */
export const RIGHTS: Readonly<Record<string, Rights>> = {
  migrations: { evidence: false },
  installation: { insert: true, evidence: false },
  open_runs: {
    insert: true,
    update: ['human', 'offboarding', 'workflow', 'preview', 'opened', 'successors', 'deactivating'],
    // The register is also locked as a whole, which takes a right on the whole table.
    delete: true,
    evidence: false,
  },
  budgets: { insert: true, update: ['free_at'], evidence: false },
  places: { insert: true, update: ['holder', 'until'], evidence: false },
  archive_look: { insert: true, update: ['began', 'finished'], evidence: false },
  statements: { insert: true, evidence: false },
  inquiries: { insert: true, update: ['answer'], delete: true, evidence: false },
  deliveries: { insert: true, update: ['at', 'answer'], delete: true, evidence: false },
  logouts: { insert: true, delete: true, evidence: false },
  archive_failures: { insert: true, update: ['why', 'tried'], delete: true, evidence: false },
  offboardings: { insert: true, update: ['human', 'order', 'closed'], evidence: true },
  plans: adds,
  catalogs: adds,
  overrides: adds,
  manifests: { insert: true, update: ['plan'], evidence: true },
  manifest_pages: adds,
  manifest_rounds: adds,
  frozen_keys: adds,
  receipts: {
    insert: true,
    // Only while it is intended: a trigger sees to it.
    update: [
      'state',
      'sure',
      'aborted',
      'changed',
      'merged',
      'per_taker',
      'owners',
      'owner_of',
      'exceptions',
      'elsewhere',
      'before_images',
      'digest',
    ],
    evidence: true,
  },
  before_images: adds,
  audit: adds,
  audit_bodies: adds,
  // Only onwards: a trigger sees to it.
  audit_heads: { insert: true, update: ['seq', 'hash', 'fence'], evidence: true },
  archives: adds,
  certificates: adds,
  certificate_bodies: adds,
};

/**
 * Brings the tables up to date as their owner, and gives the worker's role what it needs and nothing else. May
 * run as often as it likes, by several processes at once. Throws SameRole where nothing can be refused to the
 * worker's role.
 */
export async function prepareStore(owner: string, worker: string): Promise<void> {
  const { rows } = await within(worker, client => client.query('select current_user as role'));
  const role = rows[0].role as string;
  await migrate(owner);
  await within(owner, async client => {
    await client.query('begin');
    // One after the other: PostgreSQL does not queue those who grant.
    await client.query(`select pg_advisory_xact_lock(hashtext('handover roles'))`);
    const { rows } = await client.query('select current_user = $1 as same', [role]);
    // What it owns cannot be taken from it.
    if (!rows[0].same) await client.query(grants(role).join(';\n'));
    await client.query('commit');
  });
  const standing = await within(worker, standingOf);
  if (standing.unbound) throw new SameRole(sayUnbound(standing));
}

/** Why a worker should not connect like this: a sentence. */
export function sayUnbound({ role, unbound }: Standing): string {
  const why = {
    superuser: 'is a superuser',
    owner: 'owns the tables, or is a member of the role that does',
    rights: 'may delete from the tables, by a right that somebody else gave it',
  };
  return `The workers' role "${role}" ${why[unbound!]}: the database cannot refuse it to change or remove evidence.`;
}

/** Statements that make a role's rights exactly what `RIGHTS` says. */
function grants(role: string): string[] {
  const who = pg.escapeIdentifier(role);
  const of = ([table, { insert, update, delete: removes }]: [string, Rights]): string => {
    const may = [
      'select',
      ...(insert ? ['insert'] : []),
      ...(update ? [`update (${update.map(pg.escapeIdentifier).join(', ')})`] : []),
      ...(removes ? ['delete'] : []),
    ];
    return `grant ${may.join(', ')} on handover.${pg.escapeIdentifier(table)} to ${who}`;
  };
  return [
    `revoke all on all tables in schema handover from ${who}, public`,
    `revoke all on all functions in schema handover from ${who}, public`,
    `revoke all on schema handover from ${who}, public`,
    `grant usage on schema handover to ${who}`,
    ...Object.entries(RIGHTS).map(of),
  ];
}

/** How much the role of a connection may do to evidence. */
export interface Standing {
  role: string;
  /** Why nothing can be refused to it; null = it can. */
  unbound: 'superuser' | 'owner' | 'rights' | null;
}

/** How the connected role stands to the evidence. The tables must be there. */
export async function standingOf(store: Queryable): Promise<Standing> {
  const { rows } = await store.query(
    `select current_user as role,
            case when ${UNBOUND} then 'superuser'
                 when exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                               where n.nspname = 'handover' and pg_has_role(c.relowner, 'member')) then 'owner'
                 when exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                               where n.nspname = 'handover' and c.relname = any($1)
                                 and has_table_privilege(c.oid, 'delete, truncate, trigger')) then 'rights'
            end as unbound`,
    [Object.entries(RIGHTS).flatMap(([table, { evidence }]) => (evidence ? [table] : []))],
  );
  return rows[0] as Standing;
}

/** Whom the database refuses nothing, or who can make themselves so. */
const UNBOUND = `exists (select from pg_roles where rolname = current_user and rolsuper)`;

async function within<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...connectionConfig(url), application_name: 'handover-roles' });
  client.on('error', () => {});
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}
