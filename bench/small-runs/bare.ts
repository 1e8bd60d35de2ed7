/** The same people through statements alone (bench/bare), with databases and a worker of their own. */

import { STORE } from '../bare/activities.js';
import type { Servers } from '../harness/servers.js';
import { withClient } from '../million/databases.js';
import type { Parts } from '../noop/workflow.js';
import { buildTeam, moved } from '../team/team.js';
import { everybodyIsOff } from './by-hand.js';
import { runNoops } from './noops.js';
import type { Round, Size, Temporal } from './round.js';

export async function runBare(
  servers: Servers,
  temporal: Temporal,
  name: string,
  size: Size,
  parts: Parts,
): Promise<Round> {
  const bare = await buildTeam(servers.postgres, name, size);
  await withClient(bare.HANDOVER_STORE_URL!, client => client.query(STORE));
  const runs = size.leavers;
  const round = await runNoops(servers, temporal, {
    runs,
    queue: 'bare',
    type: 'noopDoor',
    input: parts,
    bare,
  });
  await withClient(bare.HANDOVER_STORE_URL!, async client => {
    const { rows } = await client.query(
      `select (select count(*) from archives)::int as archived, sum(changed)::int as changed
         from receipts where category <> 'deactivate'`,
    );
    const { archived, changed } = rows[0];
    if (archived !== runs || changed !== runs * moved(size))
      throw new Error(`Bare, ${changed} items were moved and ${archived} histories archived.`);
  });
  await everybodyIsOff('Bare', bare);
  return round;
}
