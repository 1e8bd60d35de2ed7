/**
 * What discovery costs on a schema that is large: five hundred tables that say of themselves that they hold a
 * hundred million rows (the statistics are set by hand, so that nobody waits for rows to be written), and ten
 * that really hold some. Beside the time stands how many rows were read and how many columns were found.
 * Nothing is compared: nobody writes this by hand.
 */
import { discoverSystem } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import { type Effort, type Measured, median, seconds } from '../harness/figure.js';
import { withServers } from '../harness/servers.js';
import { withClient } from '../million/databases.js';

export async function discoverFigure({ rounds, quick, say }: Effort): Promise<Measured> {
  const tables = quick ? 20 : 500;
  const filled = 10;
  const rows = quick ? 100 : 200_000;
  return withServers(async ({ postgres }) => {
    await postgres.createDatabase('large');
    const url = postgres.url('large');
    await withClient(url, async client => {
      await client.query(`
        create table public.users (id bigint primary key, name text not null, email text not null unique);
        insert into public.users select n, 'Person ' || n, 'p' || n || '@bench.example' from generate_series(1, 5000) n`);
      for (let n = 0; n < tables; n++) {
        await client.query(
          `create table public.t${n} (id bigint primary key, title text, owner_id bigint, notify text, doc jsonb, amount numeric(12, 2))`,
        );
        if (n < filled)
          await client.query(
            `insert into public.t${n}
             select n, 'Title', n % 5000 + 1, 'p' || (n % 5000 + 1) || '@bench.example', jsonb_build_object('assignee', n % 5000 + 1), n
               from generate_series(1, $1::int) n`,
            [rows],
          );
      }
      await client.query('analyze');
      await client.query(
        `update pg_catalog.pg_class set reltuples = 1e8, relpages = 2e6 where relname ~ '^t[0-9]+$' and reltuples <= 0`,
      );
    });
    say(`${tables} tables of which ${filled} hold ${rows} rows each`);
    const times: number[] = [];
    let rowsRead = 0;
    let columns = 0;
    for (let round = 0; round < rounds; round++) {
      const began = performance.now();
      const draft = await discoverSystem(
        { system: 'large', loaded: null },
        { connection: new Bundle('the bench', { url }) },
      );
      times.push(performance.now() - began);
      rowsRead = draft.rowsRead;
      columns = draft.places.length;
      // An owner in every table; addresses and documents only where there are rows.
      if (columns !== tables + 2 * filled) throw new Error(`${columns} columns were found`);
    }
    const ms = Math.round(median(times));
    return {
      lines: [
        {
          name: 'discover',
          ours_ms: ms,
          reference_ms: null,
          ratio: null,
          limit: null,
          tables,
          rows_read: rowsRead,
          columns,
        },
      ],
      profile: [
        `${columns} columns in ${tables} tables by reading ${rowsRead} rows: ${times.map(seconds).join(', ')}`,
      ],
    };
  });
}
