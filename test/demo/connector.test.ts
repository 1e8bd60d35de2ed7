// The demo catalogs against the live demo databases, through the connector that every offboarding uses.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCatalog } from '../../connectors/catalog/file.js';
import type { Connector } from '../../connectors/connector.js';
import { createConnector, KINDS } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import type { Batch } from '../../domain/effect.js';
import type { Account, Person } from '../../domain/model.js';
import { seedDemo } from '../../examples/demo/seed.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';

type WholeConnector = Required<Connector>;

let databases: TestDatabase[] = [];
let workspace: WholeConnector;
let helpdesk: WholeConnector;

const connect = async (system: string, url: string): Promise<WholeConnector> => {
  const catalog = await loadCatalog(
    fileURLToPath(new URL(`../../systems/demo-${system}.yaml`, import.meta.url)),
    KINDS,
  );
  return createConnector(catalog, { connection: new Bundle(system, { url }) }) as WholeConnector;
};

beforeAll(async () => {
  databases = await Promise.all([createTestDatabase('demo_workspace'), createTestDatabase('demo_helpdesk')]);
  const [workspaceUrl, helpdeskUrl] = databases.map(one => one.url) as [string, string];
  await seedDemo({ workspaceUrl, helpdeskUrl, items: 12_000 });
  workspace = await connect('workspace', workspaceUrl);
  helpdesk = await connect('helpdesk', helpdeskUrl);
});

afterAll(async () => {
  await Promise.all([workspace?.close(), helpdesk?.close()]);
  for (const database of databases) await database.drop();
});

describe('the connector', () => {
  it('finds nothing wrong with either catalog', async () => {
    expect(await workspace.check()).toEqual([]);
    expect(await helpdesk.check()).toEqual([]);
  });

  it('knows Alice by an address that the helpdesk spells differently, and her second account as the same human being', async () => {
    const alice = await person('alice@demo.example');
    expect(await account(helpdesk, alice)).toMatchObject({ identities: { user: ['217'] } });
    const second = await person('alice.admin@demo.example');
    expect(second.id).not.toBe(alice.id);
    expect(second.human).toBe(alice.human);
    // A round-robin over her team must not come back to her.
    expect(
      (await workspace.directory.team('customer-success'))
        .filter(one => one.human === alice.human)
        .map(one => one.id),
    ).toEqual([alice.id]);
  });

  it('guards the last owners and the service accounts', async () => {
    const guards = async (connector: Connector, email: string) =>
      (await connector.guards([await account(connector, await person(email))])).map(guard => guard.kind);
    expect(await guards(workspace, 'victor@demo.example')).toEqual(['last-owner']);
    expect(await guards(helpdesk, 'marta@demo.example')).toEqual(['last-owner']);
    expect(await guards(workspace, 'svc-sync@demo.example')).toEqual(['protected']);
    expect(await guards(workspace, 'alice@demo.example')).toEqual([]);
  });

  it('refuses Nina as a sender, Olivia for conversations and nobody’s own report as their manager', async () => {
    const alice = await person('alice@demo.example');
    const ineligible = async (connector: WholeConnector, category: string, email: string): Promise<number> =>
      (
        await connector.ineligible(
          [await account(connector, alice)],
          category,
          await account(connector, await person(email)),
        )
      ).count;
    expect(await ineligible(workspace, 'playbook_senders', 'nina.okafor@demo.example')).toBe(9);
    expect(await ineligible(workspace, 'playbook_senders', 'mei.tanaka@demo.example')).toBe(0);
    expect(await ineligible(helpdesk, 'open_conversations', 'olivia@demo.example')).toBeGreaterThan(0);
    expect(await ineligible(workspace, 'direct_reports', 'chloe.martin@demo.example')).toBe(1);
  });

  it('hands everything of Alice’s to Bruno, keeps what is kept, and switches her off', async () => {
    const alice = await person('alice@demo.example');
    const bruno = await person('bruno@demo.example');
    for (const connector of [workspace, helpdesk]) {
      const from = await account(connector, alice);
      const to = await account(connector, bruno);
      const names = connector.categories.map(one => one.category);
      const before = await connector.inventory([from], names);
      expect(before.filter(one => one.count === 0 || !one.complete)).toEqual([]);

      for (const facts of connector.categories) {
        if (facts.do === 'acknowledge' || facts.do === 'keep') continue;
        for await (const page of connector.pages([from], facts.category, { size: 10_000 })) {
          const takers = facts.do === 'transfer' ? [...to.identities[facts.identity]!] : [];
          const batch: Batch = {
            kind: 'batch',
            category: facts.category,
            do: facts.do,
            accounts: [from],
            keys: page.keys,
            count: page.count,
            takers,
            assignment: null,
          };
          const { effect } = await connector.apply(batch, unwitnessed);
          expect(effect, facts.category).toMatchObject({ changed: page.count, exceptions: [] });
          if (facts.category === 'company_followers') expect(effect.merged).toBeGreaterThan(0);
        }
      }

      const after = await connector.inventory([from], names);
      for (const [index, { category, do: what }] of connector.categories.entries()) {
        if (what === 'acknowledge' || what === 'keep') expect(after[index], category).toEqual(before[index]);
        else expect(after[index], category).toMatchObject({ count: 0, complete: true });
      }

      await connector.apply({ kind: 'access', verb: 'deactivate', account: from }, unwitnessed);
      expect(await connector.readAccount(from)).toMatchObject({ active: false });
    }
  });
});

const unwitnessed = { intend: async () => {} };

async function person(email: string): Promise<Person> {
  const found = await workspace.directory.findPeople({ by: 'email', value: email });
  expect(found, email).toHaveLength(1);
  return found[0]!;
}

async function account(connector: Connector, who: Person): Promise<Account> {
  const resolution = await connector.resolveAccounts({ ...who, home: false, shared: [], remembered: {} }, {});
  if (resolution.kind !== 'found')
    throw new Error(`${who.name} is ${resolution.kind} in ${connector.system}`);
  // An administrator's second entry in the workspace is theirs as well; asked about is the one that was named.
  const named = resolution.accounts.filter(
    ({ identities }) => connector !== workspace || identities.user?.[0] === who.id,
  );
  expect(named).toHaveLength(1);
  return named[0]!;
}
