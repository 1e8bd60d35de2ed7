/**
 * A system that throttles three calls of ten, loses one answer of twenty after the effect, and resets one
 * connection of fifty, while somebody else works in it (FAILURES M13): everything ends exact, by the system's
 * own truth table (I11).
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCatalog } from '../../connectors/catalog/file.js';
import type { Connector } from '../../connectors/connector.js';
import { keysOf, listOf } from '../../connectors/keys.js';
import { createConnector, KINDS } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import type { Batch, Done } from '../../domain/effect.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { Account, ItemException } from '../../domain/model.js';
import { ALICE, BOB, CAROL } from '../contract/harness.js';
import { dice } from '../faults/dice.js';
import { catalogOf, deskWorld } from './harness.js';
import { Desk } from './simulator/desk.js';

const ITEMS = Number(process.env.HANDOVER_WEATHER_ITEMS ?? 1_000);

let desk: Desk;
let connector: Connector;
let world: ReturnType<typeof deskWorld>;

beforeAll(async () => {
  desk = await Desk.open();
  world = deskWorld(desk, '');
  const text = catalogOf({
    // Where a system compares nothing, whoever writes between our look and our write is overwritten: a window that
    // nobody can close from here, and that receipts name ("compared by reading").
    compare: 'etag',
    connect: '{ timeout: 1s, lands_within: 6s, batch: 200 }',
    limits: '{ concurrency: 16 }',
  }).replaceAll('size: 3 }', 'size: 500 }');
  const reading = readCatalog(text, 'desk.yaml', KINDS);
  if (!reading.ok) throw new Error(reading.mistakes.join('\n'));
  connector = createConnector(reading, { connection: new Bundle('desk', world.connection) });
});
afterAll(async () => {
  await connector?.close();
  await desk?.close();
});

/** Under a writer the pages shift, which is noticed: then it is listed again, as the engine does. */
async function listed(): Promise<string[]> {
  for (let n = 0; ; n++) {
    try {
      const keys: string[] = [];
      for await (const page of connector.pages([alice], 'things', { size: 1_000 }))
        keys.push(...listOf(page.keys));
      return keys;
    } catch (error) {
      if (n === 100 || !(error instanceof HandoverFailure) || error.kind !== 'transient') throw error;
    }
  }
}

const alice: Account = { identities: { user: [ALICE] }, active: true, blocked: false };

test(`${ITEMS} items end exact, each moved once`, { timeout: 3_600_000 }, async () => {
  const keys = Array.from({ length: ITEMS }, (_, n) => `thing-${n}`);
  await world.fill({ things: Object.fromEntries(keys.map(key => [key, ALICE])) });
  const die = dice(20_261_127);
  desk.random = () => die.next();
  desk.weather = { throttled: 0.3, lost: 0.05, reset: 0.02 };
  // Somebody takes one of every hundred away while we work.
  const stolen = new Set<string>();
  const thief = setInterval(() => {
    const mine = keys.filter(key => desk.list('things').get(key)?.owner === ALICE);
    const key = mine[Math.floor(die.next() * mine.length)];
    if (key === undefined || stolen.size >= ITEMS / 100) return;
    desk.put('things', key, CAROL);
    stolen.add(key);
  }, 20);
  const dones: Done[] = [];
  const exceptions: ItemException[] = [];
  try {
    for (let round = 0; round < 10; round++) {
      const left = await listed();
      if (left.length === 0) break;
      for (let rest = left; rest.length > 0; ) {
        const work: Batch = {
          kind: 'batch',
          category: 'things',
          do: 'transfer',
          accounts: [alice],
          keys: keysOf(rest),
          count: rest.length,
          takers: [BOB],
          assignment: null,
        };
        const done = await connector.apply(work, { intend: async () => {} });
        dones.push(done);
        exceptions.push(...done.effect.exceptions);
        rest = rest.slice(done.took);
      }
    }
  } finally {
    clearInterval(thief);
  }
  // The fault was real.
  expect(desk.struck.throttled).toBeGreaterThan(ITEMS / 4);
  expect(desk.struck.lost).toBeGreaterThan(ITEMS / 100);
  expect(desk.struck.reset).toBeGreaterThan(ITEMS / 100);
  const owners = await world.owners('things');
  for (const key of keys) expect(owners[key], key).toBe(stolen.has(key) ? CAROL : BOB);
  // Each moved once, and what we say is what the system would swear to.
  const ours = desk.log.filter(line => line.startsWith('things '));
  expect(new Set(ours).size).toBe(ours.length);
  expect(ours.length).toBe(ITEMS - stolen.size);
  expect(dones.reduce((sum, { effect }) => sum + effect.changed, 0)).toBe(ours.length);
  expect(dones.some(({ sure }) => sure === 'read')).toBe(true);
  expect(exceptions.every(({ kind }) => kind === 'taken' || kind === 'missed')).toBe(true);
});
