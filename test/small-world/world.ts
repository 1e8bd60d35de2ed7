/**
 * The small world of one test file: a worker, a store and two little databases that are filled anew for every
 * test, with the checker run after each of them. The engine connects as a role that may no more than it
 * needs.
 */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject } from 'vitest';
import type { Config } from '../../runtime/config.js';
import { checkInvariants } from '../checker/check.js';
import { type Before, snapshot } from '../checker/evidence.js';
import { startWorld, type World, type WorldOptions } from '../support/world.js';
import { type Cast, newCast } from './cast.js';
import { build, fill, SIZES, type Sizes } from './seed.js';

export interface SmallWorldOptions
  extends Partial<Pick<WorldOptions, 'wrap' | 'worker' | 'patience' | 'env'>> {
  sizes?: Partial<Sizes>;
  change?: (config: Config) => void;
  /** False where a test file tampers on purpose. */
  check?: boolean;
  /** Ports of this machine through which the worker reaches the crm and the desk, instead of the server's own. */
  through?: Partial<Record<'crm' | 'desk', number>>;
  /** Fills the world once for the whole file instead of anew for every test. */
  once?: boolean;
}

export interface SmallWorld {
  world: World;
  cast: Cast;
  before: Before;
  /** The connections' password: must turn up nowhere. */
  password: string;
  role: string;
  /** Workflow ids that this test has started. */
  started: Set<string>;
  db: Record<'crm' | 'desk' | 'store', pg.Pool>;
  /** Begins again with other numbers; nothing may be running. */
  refill(sizes: Partial<Sizes>): Promise<void>;
}

/** Hopeless failures park quickly; what passes by itself still gets a second chance. */
const PATIENCE = { throttled: 1_500, transient: 1_500, locked: 1_500 };

/** Installs the world's hooks in a test file. The object is filled before the first test. */
export function useSmallWorld(options: SmallWorldOptions = {}): SmallWorld {
  const small = {} as SmallWorld;
  small.role = `small_${randomBytes(5).toString('hex')}`;
  small.password = `canary-password-${randomBytes(5).toString('hex')}`;
  beforeAll(async () => {
    await asSuperuser(`create role ${small.role} login password '${small.password}'`);
    small.world = await startWorld({
      config: 'test/small-world/handover.yaml',
      seed: async urls => {
        const db = {
          crm: new pg.Pool({ connectionString: urls.crm }),
          desk: new pg.Pool({ connectionString: urls.desk }),
        };
        await build(db, small.role);
        await Promise.all([db.crm.end(), db.desk.end()]);
      },
      connectAs: (system, url) => {
        const limited = new URL(url);
        limited.username = small.role;
        limited.password = small.password;
        const through = options.through?.[system as 'crm' | 'desk'];
        if (through) limited.port = String(through);
        return limited.href;
      },
      patience: { ...PATIENCE, ...options.patience },
      change: options.change,
      env: options.env,
      wrap: options.wrap,
      worker: options.worker,
    });
    small.db = small.world.db as SmallWorld['db'];
  });
  small.refill = async sizes => {
    small.cast = newCast();
    await fill(small.db, small.cast, { ...SIZES, ...options.sizes, ...sizes });
    small.before = await snapshot(small.db);
  };
  (options.once ? beforeAll : beforeEach)(async () => {
    small.started = new Set();
    await small.refill({});
  });
  afterEach(async () => {
    const violations = options.check === false ? [] : await checkInvariants(small.db, small.before);
    // What a test leaves open would go on moving the next one's rows.
    for (const run of small.started)
      await small.world.offboardings
        .handle(run)
        .terminate('the test is over')
        .catch(() => {});
    expect(violations).toEqual([]);
  });
  afterAll(async () => {
    await small.world?.stop();
    await asSuperuser(`drop role if exists ${small.role}`);
  });
  return small;
}

async function asSuperuser(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}
