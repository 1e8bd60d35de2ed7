/**
 * Everybody else: twenty people who take, give, delete and edit the leaver's items all the while, one
 * autocommitted statement after the other, each on a connection of their own. What the database acknowledged
 * is written down: it must still be there in the end.
 */
import pg from 'pg';
import type { Cast } from '../small-world/cast.js';
import type { Dice } from './dice.js';

export interface Acknowledged {
  /** application_name of who did it. */
  by: string;
  table: string;
  op: 'insert' | 'update' | 'delete';
  deed: Deed;
  key: string;
  at: number;
}

export type Deed =
  | 'take'
  | 'take-for-successor'
  | 'give'
  | 'give-to-successor'
  | 'give-back'
  | 'delete'
  | 'edit'
  | 'steal-from-successor';

export interface Writers {
  acknowledged: Acknowledged[];
  /** Statements whose answer never came: they may have happened. */
  unanswered(): number;
  /** Nothing new reaches the leaver from here on. */
  stopGiving(): Promise<void>;
  stop(): Promise<void>;
}

export interface WritersOptions {
  url: string;
  cast: Cast;
  keys: readonly string[];
  count: number;
  /** Number of the first of them, where others were at work before; 0 unless said. */
  first?: number;
  /** Does something new come to the successor as well? */
  toSuccessor?: boolean;
  dice: Dice;
  /** Between two statements of one writer. */
  pauseMs: number;
}

interface Work {
  deed: Deed;
  op: Acknowledged['op'];
  sql: string;
  values: unknown[];
}

export function startWriters(options: WritersOptions): Writers {
  const { cast, keys, first = 0, toSuccessor = false } = options;
  const acknowledged: Acknowledged[] = [];
  let unanswered = 0;
  let stopped = false;
  // Enough of the leaver's items must stay for the run: a world of writers alone would empty the table.
  const share = (part: number): number => Math.ceil(keys.length * part);
  const left = {
    take: share(0.1),
    'take-for-successor': share(0.1),
    'steal-from-successor': share(0.1),
    delete: share(0.05),
    give: share(0.04),
    'give-to-successor': toSuccessor ? share(0.04) : 0,
    'give-back': share(0.04),
  };
  const may = (deed: keyof typeof left): boolean => left[deed] > 0;
  let next = 0;
  const { alice, maya, bob, carol } = cast;
  const pass =
    'update public.accounts set owner_id = $2 where id = $1 and owner_id = $3 returning id::text as key';

  const gift = (deed: 'give' | 'give-to-successor', owner: string): Work => {
    left[deed]--;
    const id = String(BigInt(alice.id) * 100n + 50_000_000n + BigInt(first * 100_000 + next++));
    const sql = `insert into public.accounts (id, name, owner_id, region)
      values ($1, 'A gift', $2, 'emea') returning id::text as key`;
    return { deed, op: 'insert', sql, values: [id, owner] };
  };
  const draw = (d: Dice): Work => {
    const key = d.pick(keys);
    const dish = d.next();
    if (dish < 0.2 && may('take'))
      return { deed: 'take', op: 'update', sql: pass, values: [key, d.pick([bob, carol]).id, alice.id] };
    if (dish < 0.4 && may('take-for-successor'))
      return { deed: 'take-for-successor', op: 'update', sql: pass, values: [key, maya.id, alice.id] };
    if (dish < 0.5 && may('steal-from-successor'))
      return { deed: 'steal-from-successor', op: 'update', sql: pass, values: [key, carol.id, maya.id] };
    if (dish < 0.58 && may('delete'))
      return {
        deed: 'delete',
        op: 'delete',
        sql: 'delete from public.accounts where id = $1 returning id::text as key',
        values: [key],
      };
    if (dish < 0.68 && may('give-back'))
      return { deed: 'give-back', op: 'update', sql: pass, values: [key, alice.id, maya.id] };
    if (dish < 0.73 && may('give')) return gift('give', alice.id);
    if (dish < 0.78 && may('give-to-successor')) return gift('give-to-successor', maya.id);
    const sql = 'update public.accounts set name = $2 where id = $1 returning id::text as key';
    return { deed: 'edit', op: 'update', sql, values: [key, `Edited ${d.whole(0, 1e9)}`] };
  };

  const inHand = new Set<Promise<unknown>>();
  const writer = async (n: number): Promise<void> => {
    const d = options.dice.fork(n);
    const by = `writer-${first + n}`;
    let client: pg.Client | null = null;
    while (!stopped) {
      try {
        client ??= await connect(options.url, by);
        const { sql, values, deed, op } = draw(d);
        const asked = client.query<{ key: string }>(sql, values);
        inHand.add(asked);
        const { rows } = await asked.finally(() => inHand.delete(asked));
        if (rows[0]) {
          acknowledged.push({ by, table: 'accounts', op, deed, key: rows[0].key, at: Date.now() });
          if (deed !== 'edit' && op !== 'insert') left[deed]--;
        }
        await pause(options.pauseMs * (0.5 + d.next()));
      } catch {
        if (client) unanswered++;
        await client?.end().catch(() => {});
        client = null;
        await pause(100);
      }
    }
    await client?.end().catch(() => {});
  };
  const all = Array.from({ length: options.count }, (_, n) => writer(n));
  return {
    acknowledged,
    unanswered: () => unanswered,
    async stopGiving() {
      left.give = 0;
      left['give-back'] = 0;
      await Promise.allSettled([...inHand]);
    },
    async stop() {
      stopped = true;
      await Promise.all(all);
    },
  };
}

async function connect(connectionString: string, application_name: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString,
    application_name,
    connectionTimeoutMillis: 3_000,
    query_timeout: 30_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
