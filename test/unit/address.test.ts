/** Every form in which somebody writes a connection: what is shown holds no secret, and none gets into a log. */
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { addressIn, secretsIn } from '../../domain/address.js';
import { openLog, withoutSecrets } from '../../runtime/log.js';
import { connectionConfig } from '../../store/database.js';

const CANARY = 'c4nary-Pa55';
const FORMS: [what: string, connection: string, shown: string | null][] = [
  ['as it should be', `postgres://u:${CANARY}@db:5432/crm`, 'db:5432/crm'],
  ['with parameters', `postgresql://u:${CANARY}@db/crm?sslmode=require`, 'db/crm'],
  ['the password as a parameter', `postgres://u@db/crm?password=${CANARY}`, 'db/crm'],
  ['both', `postgres://u:${CANARY}@db/crm?sslpassword=${CANARY}2&user=x`, 'db/crm'],
  ['a parameter with an @', `postgres://u:${CANARY}@db/crm?options=a@b`, 'db/crm'],
  ['an unencoded slash', `postgres://u:${CANARY}/more@db/crm`, null],
  ['an unencoded #', `postgres://u:${CANARY}#more@db/crm`, null],
  ['an unencoded ?', `postgres://u:${CANARY}?more@db/crm`, null],
  ['an unencoded @', `postgres://u:${CANARY}@more@db/crm`, null],
  ['an unencoded blank', `postgres://u:${CANARY} more@db/crm`, null],
  ['encoded', `postgres://u:${encodeURIComponent(`${CANARY}/#? @`)}@db/crm`, 'db/crm'],
  ['numbers that look like a port', `postgres://u:1234/${CANARY}@db/crm`, null],
  ['no user', `postgres://:${CANARY}@db/crm`, 'db/crm'],
  ['keys and values', `host=db user=u password=${CANARY} dbname=crm`, null],
  ['keys and quoted values', `host=db password='${CANARY} \\'more' dbname=crm`, null],
  ['a service', `service=crm password=${CANARY}`, null],
  ['another scheme', `https://u:${CANARY}@api.example.com/v1`, 'api.example.com'],
  ['the password alone', CANARY, null],
];

describe.each(FORMS)('%s', (_, connection, shown) => {
  test('shows where it leads, or nothing at all', () => {
    const address = addressIn(connection);
    if (shown === null) expect(address).toBeNull();
    else expect(address).toContain(shown);
    expect(String(address)).not.toContain(CANARY);
  });

  test('never gets into a log, whole or in part, as text or in JSON', () => {
    let logged = '';
    const out = new PassThrough();
    out.on('data', chunk => {
      logged += chunk;
    });
    const log = openLog(out as unknown as NodeJS.WriteStream, 'debug', [connection]);
    const error = Object.assign(new TypeError(`Invalid URL ${connection}`), { input: connection });
    log.info({ store: connection }, connection);
    log.debug(error);
    for (const secret of secretsIn(connection)) log.error(`database "${secret}" does not exist`);
    expect(logged).toContain('***');
    expect(logged).not.toContain(CANARY);
  });

  test('is read by our own store, or refused in words that repeat nothing', () => {
    const read = (): object => connectionConfig(connection);
    if (shown !== null && connection.startsWith('postgres'))
      expect(read()).toHaveProperty('connectionString');
    else
      expect(read).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining(CANARY) }) as unknown as Error,
      );
  });
});

test('what is no secret stays: hosts, users, names', () => {
  const clean = withoutSecrets([`postgres://u:${CANARY}@db:5432/crm`]);
  expect(clean(`crm at db:5432 refuses u`)).toBe('crm at db:5432 refuses u');
});
