/**
 * The small world with one big table, on servers that may be killed, reached by the workers through links
 * that may be cut. The test itself talks to the servers directly.
 */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import pg from 'pg';
import { Offboardings } from '../../client/runs.js';
import { DAY_MS } from '../../domain/request.js';
import { type Config, readConfig } from '../../runtime/config.js';
import { connectTemporal } from '../../runtime/temporal.js';
import { type Before, snapshot } from '../checker/evidence.js';
import { type Cast, newCast } from '../small-world/cast.js';
import { build, fill, SIZES } from '../small-world/seed.js';
import { type Fleet, newFleet } from './fleet.js';
import { impatientBundle } from './impatient-bundle.js';
import { type Link, openLink } from './link.js';
import type { LinkName, Schedule, SweepSchedule } from './schedule.js';
import type { FaultServers } from './servers.js';

export type DatabaseName = 'crm' | 'desk' | 'store';

export interface FaultWorld {
  cast: Cast;
  before: Before;
  /** The connections' password: must turn up nowhere. */
  password: string;
  taskQueue: string;
  temporal: Client;
  offboardings: Offboardings;
  db: Record<DatabaseName, pg.Pool>;
  urls: Record<DatabaseName, string>;
  links: Record<LinkName, Link>;
  servers: FaultServers;
  fleet: Fleet;
  stop(): Promise<void>;
}

const CACHE = join(tmpdir(), 'handover-fault-bundles');
/** COMMITs, and for the store also the statement that makes a receipt durable. */
const WATCHED: Record<DatabaseName, RegExp> = {
  crm: /^\s*commit\b/i,
  desk: /^\s*commit\b/i,
  store: /^\s*commit\b|insert into handover\.receipts/i,
};

/** @param configFile the small world's, or a copy of it that may be edited while workers run */
export async function openFaultWorld(
  servers: FaultServers,
  schedule: Pick<Schedule, 'storeApart' | 'items' | 'delayMs' | 'batch' | 'patient' | 'sweep' | 'cover'>,
  configFile = 'test/small-world/handover.yaml',
): Promise<FaultWorld> {
  const tag = randomBytes(5).toString('hex');
  const role = `small_${tag}`;
  const password = `canary-password-${tag}`;
  const home = {
    crm: servers.postgres,
    desk: servers.postgres,
    store: schedule.storeApart ? servers.apart : servers.postgres,
  };
  const names: DatabaseName[] = ['crm', 'desk', 'store'];
  const each = <T>(of: (name: DatabaseName) => T): Record<DatabaseName, T> =>
    Object.fromEntries(names.map(name => [name, of(name)])) as Record<DatabaseName, T>;

  const urls = each(name => home[name].url(`${name}_${tag}`));
  await asSuperuser(servers.postgres.url('postgres'), `create role ${role} login password '${password}'`);
  for (const name of names) await asSuperuser(home[name].url('postgres'), `create database ${name}_${tag}`);
  const db = each(name => poolOf(urls[name]));
  await build(db, role);
  // What the successor had as well is taken away as a row: whoever gives it back inserts it again.
  if (schedule.cover) await db.desk.query(`grant insert on watchers to ${role}`);
  const cast = newCast();
  await fill(db, cast, { ...SIZES, accounts: schedule.items });
  const before = await snapshot(db);

  const links = {
    ...(Object.fromEntries(
      await Promise.all(
        names.map(async name => [
          name,
          await openLink({
            target: () => ({ host: '127.0.0.1', port: home[name].port }),
            watch: WATCHED[name],
            delayMs: schedule.delayMs,
          }),
        ]),
      ),
    ) as Record<DatabaseName, Link>),
    temporal: await openLink({ target: () => ({ host: '127.0.0.1', port: servers.temporal.port }) }),
  };
  const through = (name: DatabaseName, limited: boolean): string => {
    const url = new URL(urls[name]);
    url.port = String(links[name].port);
    if (limited) [url.username, url.password] = [role, password];
    return url.href;
  };

  const config = readConfig(configFile);
  // Writers bring more than any policy would let pass; whether that parks is another test's question.
  config.policy = {
    ...config.policy,
    batch: schedule.batch,
    drift: { floor: 1_000_000, percent: 100 },
    rounds: 10,
    sweep: schedule.sweep ? rhythmOf(schedule.sweep) : 'off',
  };
  config.temporal = {
    ...config.temporal,
    address: `127.0.0.1:${links.temporal.port}`,
    taskQueue: `faults-${tag}`,
  };
  const fleet = newFleet({
    config,
    cacheDir: CACHE,
    bundle: schedule.patient ? undefined : await impatientBundle(CACHE),
    env: {
      SMALL_CRM_URL: through('crm', true),
      SMALL_DESK_URL: through('desk', true),
      HANDOVER_STORE_URL: through('store', false),
    },
  });
  const temporal = await connectTemporal({ ...config.temporal, address: servers.temporal.address });
  return {
    cast,
    before,
    password,
    taskQueue: config.temporal.taskQueue,
    temporal,
    offboardings: new Offboardings(temporal, config.temporal.taskQueue, config.installation),
    db,
    urls,
    links,
    servers,
    fleet,
    async stop() {
      await fleet.end();
      await Promise.all(Object.values(links).map(link => link.close()));
      await Promise.all(Object.values(db).map(pool => pool.end()));
      await temporal.connection.close();
      for (const name of names)
        await asSuperuser(
          home[name].url('postgres'),
          `drop database if exists ${name}_${tag} with (force)`,
        ).catch(() => {});
      await asSuperuser(servers.postgres.url('postgres'), `drop role if exists ${role}`).catch(() => {});
    },
  };
}

/** For longer than any schedule takes. */
function rhythmOf({ everyMs }: SweepSchedule): Config['policy']['sweep'] {
  return { rhythm: [{ everyDays: everyMs / DAY_MS, forDays: 1 }], returns: 3 };
}

async function asSuperuser(connectionString: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}

function poolOf(connectionString: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max: 4,
    application_name: 'observer',
    connectionTimeoutMillis: 5_000,
  });
  pool.on('error', () => {});
  pool.on('connect', client => void client.on('error', () => {}));
  return pool;
}
