/**
 * Chance that comes out the same every time, as SQL functions of the session: a row's number and a salt say
 * everything.
 */
import type { Client } from 'pg';

const FUNCTIONS = `
  -- 0 ... sides - 1
  create function pg_temp.dice(n bigint, salt bigint, sides int) returns int language sql immutable parallel safe as
    $$ select abs(hashint8extended(n, salt) % sides)::int $$;

  create function pg_temp.pick(list anyarray, n bigint, salt bigint) returns anyelement language sql immutable parallel safe as
    $$ select list[1 + abs(hashint8extended(n, salt) % cardinality(list))::int] $$;

  create function pg_temp.uuid(kind text, n bigint) returns uuid language sql immutable parallel safe as
    $$ select md5(kind || n)::uuid $$;

  -- Numbers 1 ... sum(counts), shuffled, each with the lot that it belongs to (1 = the first count).
  create function pg_temp.deal(counts int[], salt bigint) returns table (k bigint, lot int) language sql immutable as $$
    select row_number() over (order by hashint8extended(c.lot * 100000000 + i, salt)), c.lot::int
    from unnest(counts) with ordinality as c (amount, lot), generate_series(1, c.amount) as i
  $$;

  -- The time of everything: midnight of the day of seeding, so that what is planned lies ahead.
  create function pg_temp.today() returns timestamptz language sql stable as
    $$ select date_trunc('day', now(), 'UTC') $$;
`;

/** Runs INSERT statements in order and counts their rows. */
export interface Filler {
  /** How many rows were written so far. */
  rows: number;
  fill(sql: string, values?: unknown[]): Promise<void>;
}

export async function withDice(client: Client): Promise<Filler> {
  await client.query(FUNCTIONS);
  const filler: Filler = {
    rows: 0,
    async fill(sql, values = []) {
      const result = await client.query(sql, values);
      filler.rows += result.rowCount ?? 0;
    },
  };
  return filler;
}
