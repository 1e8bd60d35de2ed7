/**
 * A town for the soak: many families of the small world's people in one pair of systems, with a catalog of
 * their own that is edited while workers run.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Before, snapshot } from '../../checker/evidence.js';
import { type Cast, newCast } from '../../small-world/cast.js';
import { SIZES, settle } from '../../small-world/seed.js';
import { type FaultWorld, openFaultWorld } from '../fault-world.js';
import type { FaultServers } from '../servers.js';

export interface Town {
  world: FaultWorld;
  families: Cast[];
  before: Before;
  /** What catalogs only say about a category may change at any time: its title does. */
  editCatalog(): Promise<void>;
  stop(): Promise<void>;
}

const KEPT = ['handover.yaml', 'crm.yaml', 'desk.yaml'];

export async function foundTown(servers: FaultServers, families: number): Promise<Town> {
  const dir = await mkdtemp(join(tmpdir(), 'handover-town-'));
  for (const file of KEPT) await cp(join('test/small-world', file), join(dir, file));
  const how = { storeApart: true, items: SIZES.accounts, delayMs: 0, batch: 4, patient: false };
  const world = await openFaultWorld(servers, how, join(dir, 'handover.yaml'));
  const all = [world.cast];
  for (let n = 1; n < families; n++) {
    const cast = newCast(n);
    await settle(world.db, cast, SIZES);
    all.push(cast);
  }
  let edits = 0;
  return {
    world,
    families: all,
    before: await snapshot(world.db),
    async editCatalog() {
      const file = join(dir, 'crm.yaml');
      const text = await readFile(file, 'utf8');
      edits++;
      await writeFile(file, text.replace(/title: Accounts.*/, `title: Accounts ${edits}`));
    },
    async stop() {
      await world.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
