/**
 * A small CRM for the connector's tests: a database of its own per file, a catalog written as YAML, and a
 * connector between them. The catalog is a text with blocks, so that a test can replace one block and leave
 * the rest.
 */
import pg from 'pg';
import { readCatalog } from '../../connectors/catalog/file.js';
import type { CatalogFile } from '../../connectors/catalog/loaded.js';
import type { Connector, KeyPage, Witness } from '../../connectors/connector.js';
import { keysOf } from '../../connectors/keys.js';
import type { Catalog } from '../../connectors/postgres/catalog.js';
import { postgres } from '../../connectors/postgres/kind.js';
import { createConnector } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import type { AccessChange, AccessVerb, Batch, Effect, Intent } from '../../domain/effect.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { Account, Identities } from '../../domain/model.js';
import { createTestDatabase } from '../support/servers.js';

export const ALICE = '1';
export const BOB = '2';
export const CAROL = '3';

export const PEOPLE_SQL = `
  CREATE TABLE users (
    id bigint PRIMARY KEY, name text NOT NULL, email text, login text, status int NOT NULL DEFAULT 1, admin boolean NOT NULL DEFAULT false,
    service boolean NOT NULL DEFAULT false, team text, manager_id bigint, human text, badge text UNIQUE);
  INSERT INTO users (id, name, email, login, admin, team, manager_id) VALUES
    (1, 'Alice', 'Alice@example.com', 'alice', true, 'sales', 2),
    (2, 'Bob', 'bob@example.com', 'bob', true, 'sales', NULL),
    (3, 'Carol', 'carol@example.com', 'carol', false, 'sales', 2)`;

export const PEOPLE_YAML = `
version: 1
system: crm
title: CRM
kind: postgres
connect: { statement_timeout: 5s, lock_timeout: 300ms }
people:
  table: public.users
  key: id
  name: name
  email: email
  when: not users.service
  match:
    - { by: email, column: email }
    - { by: login, column: login }
  active: users.status <> 3
  blocked: users.status = 2
  manager: manager_id
  team: team
  human: human
  roles: { operator: users.admin }
`;

/** PostgreSQL can do everything that the port has. */
export type WholeConnector = Required<Connector>;

export interface Bench {
  url: string;
  db: pg.Client;
  /** Another session: a colleague at work, a thief, a migration. */
  session(): Promise<pg.Client>;
  connector(
    yaml: string,
    options?: { url?: string; poolSize?: number; log?: (line: string) => void },
  ): WholeConnector;
  drop(): Promise<void>;
}

/** A database with people and whatever `sql` adds. @param locale as of `createTestDatabase` */
export async function createBench(name: string, sql = '', locale?: string): Promise<Bench> {
  const database = await createTestDatabase(name, locale && 'template0', locale);
  const clients: pg.Client[] = [];
  const connectors: Connector[] = [];
  const session = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: database.url });
    client.on('error', () => {});
    await client.connect();
    clients.push(client);
    return client;
  };
  const db = await session();
  await db.query(
    `SET timezone = 'UTC'; ALTER DATABASE ${database.name} SET timezone = 'UTC'; ${PEOPLE_SQL};${sql}`,
  );
  return {
    url: database.url,
    db,
    session,
    connector: (yaml, options = {}) => {
      const connector = createConnector(mustRead(yaml), {
        connection: new Bundle('crm', { url: options.url ?? database.url }),
        poolSize: options.poolSize,
        log: options.log,
      }) as WholeConnector;
      connectors.push(connector);
      return connector;
    },
    drop: async () => {
      await Promise.all(connectors.map(c => c.close().catch(() => {})));
      await Promise.all(clients.map(c => c.end().catch(() => {})));
      await database.drop();
    },
  };
}

export function mustRead(yaml: string): { catalog: Catalog; file: CatalogFile } {
  const reading = readCatalog(yaml, 'crm.yaml', { postgres });
  if (!reading.ok) throw new Error(reading.mistakes.join('\n'));
  return reading;
}

export function account(user: string, identities: Identities = {}): Account {
  return {
    identities: { user: [user], ...identities },
    active: true,
    blocked: false,
  };
}

export function access(verb: AccessVerb, user: string): AccessChange {
  return { kind: 'access', verb, account: account(user) };
}

export async function allPages(
  connector: Connector,
  who: Account | Account[],
  category: string,
  size = 1000,
  attribute?: string,
): Promise<KeyPage[]> {
  const pages: KeyPage[] = [];
  for await (const page of connector.pages([who].flat(), category, { size, attribute })) pages.push(page);
  return pages;
}

/** Everything `who` holds in the category, as one batch. */
export async function batchOf(
  connector: Connector,
  who: Account | Account[],
  category: string,
  rest: Partial<Batch> = {},
): Promise<Batch> {
  const [page] = await allPages(connector, who, category, 100_000);
  return {
    kind: 'batch',
    category,
    do: 'transfer',
    accounts: [who].flat(),
    keys: page?.keys ?? keysOf([]),
    count: page?.count ?? 0,
    takers: [BOB],
    assignment: null,
    ...rest,
  };
}

/** A witness who is content with everything, or does this first. */
export function witness(intend: (intent: Intent) => unknown = () => {}): Witness {
  return { intend: async intent => void (await intend(intent)) };
}

/**
 * Changes a batch and returns the effect that the witness was told of, proving that it was asked exactly
 * once.
 */
export async function changed(
  connector: Connector,
  batch: Batch,
  signal?: AbortSignal,
): Promise<Effect & Pick<Intent, 'mark' | 'before'>> {
  const intents: Intent[] = [];
  const { mark, effect, before, took, sure } = await connector.apply(
    batch,
    witness(intent => intents.push(intent)),
    signal,
  );
  if (intents.length !== 1 || intents[0]!.effect !== effect || intents[0]!.mark !== mark)
    throw new Error(`${intents.length} receipts for one batch`);
  if (took !== batch.count || sure !== 'asked') throw new Error(`${took} keys of ${batch.count}, ${sure}`);
  return { ...effect, mark, before };
}

/** The failure that `work` ends with, by kind and message; anything else is thrown on. */
export async function failureOf(work: Promise<unknown>): Promise<{ kind: string; message: string }> {
  try {
    await work;
  } catch (error) {
    if (error instanceof HandoverFailure) return { kind: error.kind, message: error.message };
    throw error;
  }
  throw new Error('nothing failed');
}

/**
 * Waits until `client` shows a backend of ours that waits for a lock: the moment at which a race really is
 * one.
 */
export async function someoneWaits(client: pg.Client): Promise<void> {
  for (let i = 0; i < 400; i++) {
    const { rows } = await client.query(
      `SELECT FROM pg_stat_activity WHERE application_name = 'handover' AND wait_event_type = 'Lock' AND datname = current_database()`,
    );
    if (rows.length > 0) return;
    await new Promise(resolve => setTimeout(resolve, 5));
  }
  throw new Error('nobody of ours waits for a lock');
}
