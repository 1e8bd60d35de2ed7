/** What acts in the leaver's name goes on acting under the successor, or stays as it is with the reason. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sharesOf } from '../../connectors/keys.js';
import {
  ALICE,
  account,
  type Bench,
  BOB,
  batchOf,
  CAROL,
  changed,
  createBench,
  PEOPLE_YAML,
  type WholeConnector,
} from './fixture.js';

const YAML = `${PEOPLE_YAML}
categories:
  automations:
    title: Automations
    do: transfer
    table: bots.automations
    key: [id]
    owner: { column: run_as }
    acts_as: true
    still_runs: automations.enabled and exists (select from bots.licences l where l.user_id = automations.run_as)
  forwards: { title: Forwarding rules, do: remove, table: bots.forwards, key: [id], owner: { column: user_id }, acts_as: true }
`;
const SQL = `
  CREATE SCHEMA bots;
  CREATE TABLE bots.licences (user_id bigint PRIMARY KEY);
  CREATE TABLE bots.automations (id int PRIMARY KEY, run_as bigint, enabled boolean NOT NULL DEFAULT true);
  CREATE TABLE bots.forwards (id int PRIMARY KEY, user_id bigint);
  CREATE FUNCTION bots.stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.id = 5 THEN NEW.enabled := false; END IF; RETURN NEW; END $$`;

let bench: Bench;
let connector: WholeConnector;
const alice = account(ALICE);
beforeAll(async () => {
  bench = await createBench('actsas', SQL);
  connector = bench.connector(YAML);
  expect(await connector.check()).toEqual([]);
});
afterAll(() => bench?.drop());
beforeEach(() =>
  bench.db.query(`TRUNCATE bots.licences, bots.automations; INSERT INTO bots.licences VALUES (1), (2);
                  INSERT INTO bots.automations VALUES (1, 1, true), (2, 1, false), (3, 1, true), (4, 1, true), (5, 1, true)`),
);
const owners = async (): Promise<string[]> =>
  (await bench.db.query('SELECT * FROM bots.automations ORDER BY id')).rows.map(
    ({ id, run_as, enabled }) => `${id} ${run_as} ${enabled ? 'on' : 'off'}`,
  );
const STOPS = 'it works now and would not any more under the successor (still_runs)';

describe('things that act in the name of the leaver', () => {
  test('are told apart from everything else', () => {
    expect(connector.categories.map(({ category, actsAs }) => [category, actsAs])).toEqual([
      ['automations', true],
      ['forwards', true],
    ]);
  });

  test('are handed over where they go on working; what worked for nobody moves as it is', async () => {
    expect(await changed(connector, await batchOf(connector, alice, 'automations'))).toMatchObject({
      changed: 5,
      exceptions: [],
    });
    expect(await owners()).toEqual(['1 2 on', '2 2 off', '3 2 on', '4 2 on', '5 2 on']);
  });

  test('stay with the leaver, each with the reason, where they would not work any more', async () => {
    const work = await batchOf(connector, alice, 'automations', {
      takers: [BOB, CAROL],
      assignment: sharesOf([1, 1, 0, 1, 0]),
    });
    const effect = await changed(connector, work);
    expect(effect).toMatchObject({ changed: 3, perTaker: [2, 1] });
    expect(effect.exceptions).toEqual([
      { key: '1', kind: 'failed', why: STOPS },
      { key: '4', kind: 'failed', why: STOPS },
    ]);
    expect(await owners()).toEqual(['1 1 on', '2 3 off', '3 2 on', '4 1 on', '5 2 on']);
  });

  test('stay with the leaver where the application stops them as they move', async () => {
    await bench.db.query(
      'CREATE TRIGGER stop BEFORE UPDATE ON bots.automations FOR EACH ROW EXECUTE FUNCTION bots.stop()',
    );
    const effect = await changed(connector, await batchOf(connector, alice, 'automations'));
    expect(effect).toMatchObject({ changed: 4, exceptions: [{ key: '5', kind: 'failed', why: STOPS }] });
    expect((await owners())[4]).toBe('5 1 on');
  });
});
