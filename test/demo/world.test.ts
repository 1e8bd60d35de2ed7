// The demo world in a real PostgreSQL: big enough, full enough, and the same after a second start.

import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCatalog } from '../../connectors/catalog/file.js';
import type { Catalog, CategorySpec } from '../../connectors/postgres/catalog.js';
import { postgres } from '../../connectors/postgres/kind.js';

import { ALICE, ALICE_AGENT, BRUNO, BRUNO_AGENT } from '../../examples/demo/people.js';
import { seedDemo } from '../../examples/demo/seed.js';
import { readConfig } from '../../runtime/config.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';

const load = async (system: string): Promise<Catalog> =>
  (
    await loadCatalog(fileURLToPath(new URL(`../../systems/demo-${system}.yaml`, import.meta.url)), {
      postgres,
    })
  ).catalog;

/** A system of the demo with somebody's identities in it. */
interface World {
  catalog: Catalog;
  database: TestDatabase;
  client: pg.Client;
}

let workspace: World;
let helpdesk: World;
const worlds = (): World[] => [workspace, helpdesk];

const open = async (system: string): Promise<World> => {
  const database = await createTestDatabase(`demo_${system}`);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  return { catalog: await load(system), database, client };
};

beforeAll(async () => {
  [workspace, helpdesk] = await Promise.all([open('workspace'), open('helpdesk')]);
  await seedDemo({ workspaceUrl: workspace.database.url, helpdeskUrl: helpdesk.database.url });
});

afterAll(async () => {
  for (const world of worlds()) {
    await world?.client.end();
    await world?.database.drop();
  }
});

describe('the demo world', () => {
  it('has at least 50 people', async () => {
    expect(
      await number(workspace, `select count(*) from public.users where kind = 'human' and status = 'active'`),
    ).toBeGreaterThanOrEqual(50);
  });

  it('has at least 120,000 items that people hold', async () => {
    let items = 0;
    for (const { client, spec } of everyCategory()) items += await held(client, spec);
    expect(items).toBeGreaterThanOrEqual(120_000);
  });

  it('gives Alice something of every category', async () => {
    const nothing: string[] = [];
    for (const { id, client, spec, alice } of everyCategory())
      if ((await held(client, spec, alice)) === 0) nothing.push(id);
    expect(nothing).toEqual([]);
  });

  it('gives Alice thousands in the big categories', async () => {
    const counts = new Map<string, number>();
    for (const { id, client, spec, alice } of everyCategory())
      counts.set(id, await held(client, spec, alice));
    expect(counts.get('workspace/open_tasks')).toBe(6_000);
    expect(counts.get('helpdesk/open_conversations')).toBe(4_200);
  });

  it('has keys that a JavaScript number would change', async () => {
    const { rows } = await workspace.client.query<{ id: string }>(
      'select id::text from public.tasks order by id limit 1',
    );
    expect(String(Number(rows[0]!.id))).not.toBe(rows[0]!.id);
  });

  it('lets nothing that is planned fire before tomorrow', async () => {
    expect(
      await number(helpdesk, `select count(*) from public.conversations where snoozed_until < now()`),
    ).toBe(0);
    expect(
      await number(
        helpdesk,
        `select count(*) from public.callbacks where status = 'scheduled' and due_at < now()`,
      ),
    ).toBe(0);
    expect(
      await number(
        workspace,
        `select count(*) from public.scheduled_emails where status = 'queued' and send_at < now()`,
      ),
    ).toBe(0);
  });

  it('keeps what is stored twice the same on both sides', async () => {
    const differ = `select count(*) from public.opportunities o full join public.forecast_lines f on f.opportunity_id = o.id
      where o.stage in ('discovery', 'proposal', 'negotiation') and o.owner_id is distinct from f.owner_id`;
    expect(await number(workspace, differ)).toBe(0);
    const inbox = `select count(*) from public.conversations c full join public.inbox_entries i on i.conversation_id = c.id
      where c.status <> 'closed' and c.assignee_id is distinct from i.agent_id`;
    expect(await number(helpdesk, inbox)).toBe(0);
  });
});

describe('the characters of the demo', () => {
  const person = async (login: string): Promise<Record<string, unknown>> =>
    (await workspace.client.query(`select * from public.users where lower(login) = $1`, [login])).rows[0];
  const agents = async (address: string): Promise<number> =>
    number(helpdesk, `select count(*) from public.agent_emails where lower(address) = '${address}'`);

  it('Bruno, Alice’s manager, can take over whatever the last standing rule gives him', async () => {
    for (const { id, client, spec } of everyCategory()) {
      if (!spec.successor_must) continue;
      const [taker, hers] =
        spec.owner.identity === 'email'
          ? [`'bruno@demo.example'::text`, 'alice@demo.example']
          : client === workspace.client
            ? [`${BRUNO}::bigint`, String(ALICE)]
            : [`${BRUNO_AGENT}::int`, String(ALICE_AGENT)];
      const refused = await client.query(
        `select from ${spec.table}, (select ${taker} as "${spec.owner.identity}") as successor
         where ${spec.owner.column}::text = $1 and (${spec.when ?? 'true'}) and not (${spec.successor_must}) limit 1`,
        [hers],
      );
      expect(refused.rowCount, id).toBe(0);
    }
  });

  it('everyone whom a standing rule names is active, and has a helpdesk account where the rule is about the helpdesk', async () => {
    const config = readConfig(fileURLToPath(new URL('../../examples/demo/handover.yaml', import.meta.url)));
    for (const { category, rule } of config.successors) {
      for (const address of JSON.stringify(rule).match(/[a-z.]+@demo\.example/g) ?? []) {
        expect(await person(address.split('@')[0]!), address).toMatchObject({
          status: 'active',
          kind: 'human',
          email: address,
        });
        if (category?.startsWith('helpdesk/')) expect(await agents(address), address).toBe(1);
      }
    }
  });

  it('Olivia runs offboardings, and exactly two people besides Alice’s second account approve them', async () => {
    expect(await person('olivia')).toMatchObject({
      role: 'admin',
      reviews_offboardings: false,
      status: 'active',
    });
    const { rows } = await workspace.client.query<{ login: string; person_no: string }>(
      'select login, person_no from public.users where reviews_offboardings order by id',
    );
    expect(rows).toEqual([
      { login: 'priya', person_no: 'P-1002' },
      { login: 'daniel', person_no: 'P-1003' },
      { login: 'alice.admin', person_no: 'P-1017' },
    ]);
  });

  it('both systems have exactly one owner', async () => {
    expect(
      await number(workspace, `select count(*) from public.users where role = 'owner' and status = 'active'`),
    ).toBe(1);
    expect(
      await number(helpdesk, `select count(*) from public.agents where role = 'owner' and status = 'active'`),
    ).toBe(1);
  });

  it('the helpdesk itself refuses to switch off its last Owner', async () => {
    await expect(
      helpdesk.client.query(`update public.agents set status = 'inactive' where role = 'owner'`),
    ).rejects.toThrow('last Owner');
  });

  it('Henrik is inactive and still owns work', async () => {
    expect(await person('henrik.sato')).toMatchObject({ status: 'inactive' });
    expect(
      await number(
        workspace,
        `select count(*) from public.tasks where assignee_id = 1033 and status <> 'done'`,
      ),
    ).toBeGreaterThan(0);
  });

  it('Nina cannot send e-mail, Caleb has no helpdesk account, and two people are called Jonas Web(b)er', async () => {
    expect(
      await number(
        workspace,
        `select count(*) from public.connected_mailboxes where user_id = 1036 and status = 'connected'`,
      ),
    ).toBe(0);
    expect(await agents('nina.okafor@demo.example')).toBe(1);
    expect(await agents('caleb.brooks@demo.example')).toBe(0);
    expect([(await person('jonas.weber')).id, (await person('jonas.webber')).id]).toEqual(['1025', '1026']);
  });

  it('Tomás, the second leaver, holds work as well', async () => {
    expect(await person('tomas')).toMatchObject({ id: '1021', team: 'sales' });
    expect(
      await number(workspace, `select count(*) from public.opportunities where owner_id = 1021`),
    ).toBeGreaterThan(100);
  });
});

describe('seeding', () => {
  it('a second time changes nothing, not even what happened since', async () => {
    await workspace.client.query(
      `update public.tasks set assignee_id = ${BRUNO} where id = (select min(id) from public.tasks)`,
    );
    const before = await Promise.all(worlds().map(fingerprint));
    const again = await seedDemo({
      workspaceUrl: workspace.database.url,
      helpdeskUrl: helpdesk.database.url,
    });
    expect(again.fresh).toBe(false);
    expect(await Promise.all(worlds().map(fingerprint))).toEqual(before);
  });

  it('gives the same world every time, at any size, with something of everything for Alice', async () => {
    const seedSmall = async (): Promise<{ prints: string[]; nothing: string[] }> => {
      const [one, two] = await Promise.all([open('workspace'), open('helpdesk')]);
      try {
        await seedDemo({ workspaceUrl: one.database.url, helpdeskUrl: two.database.url, items: 12_000 });
        const nothing: string[] = [];
        for (const { id, client, spec, alice } of everyCategory([one, two])) {
          if ((await held(client, spec, alice)) === 0) nothing.push(id);
        }
        return { prints: await Promise.all([one, two].map(fingerprint)), nothing };
      } finally {
        for (const { client, database } of [one, two]) {
          await client.end();
          await database.drop();
        }
      }
    };
    const first = await seedSmall();
    expect(first.nothing).toEqual([]);
    expect((await seedSmall()).prints).toEqual(first.prints);
  });

  it('leaves a database of somebody else alone', async () => {
    const foreign = await createTestDatabase('demo_foreign');
    const client = new pg.Client({ connectionString: foreign.url });
    await client.connect();
    try {
      await client.query('create table public.payroll (id int)');
      await expect(
        seedDemo({ workspaceUrl: foreign.url, helpdeskUrl: helpdesk.database.url }),
      ).rejects.toThrow('tables of something else');
      expect(
        (await client.query(`select count(*)::int as n from pg_tables where schemaname = 'public'`)).rows,
      ).toEqual([{ n: 1 }]);
    } finally {
      await client.end();
      await foreign.drop();
    }
  });
});

function everyCategory(
  of = worlds(),
): { id: string; client: pg.Client; spec: CategorySpec; alice: string }[] {
  return of.flatMap(({ catalog, client }) =>
    Object.entries(catalog.categories).map(([name, spec]) => ({
      id: `${catalog.system}/${name}`,
      client,
      spec,
      alice:
        spec.owner.identity === 'email'
          ? 'alice@demo.example'
          : String(catalog.system === 'helpdesk' ? ALICE_AGENT : ALICE),
    })),
  );
}

/** How many items of a category somebody holds, or all people together. */
async function held(client: pg.Client, spec: CategorySpec, owner?: string): Promise<number> {
  const { rows } = await client.query<{ n: string }>(
    `select count(*) as n from ${spec.table}
     where (${spec.when ?? 'true'}) and ${spec.owner.column} is not null and ($1::text is null or ${spec.owner.column}::text = $1)`,
    [owner ?? null],
  );
  return Number(rows[0]!.n);
}

async function number({ client }: World, sql: string): Promise<number> {
  return Number((await client.query<{ count: string }>(sql)).rows[0]!.count);
}

/** Of every row of every table but the marker, whose time differs. */
async function fingerprint({ client }: World): Promise<string> {
  const { rows } = await client.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = 'public' and tablename <> 'demo_seed' order by 1`,
  );
  const prints: string[] = [];
  for (const { name } of rows) {
    const one = await client.query<{ print: string }>(
      `select count(*) || ':' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) as print from public.${name} as t`,
    );
    prints.push(`${name} ${one.rows[0]!.print}`);
  }
  return prints.join('\n');
}
