// A whole offboarding behind a real PgBouncer in transaction mode, whose server connections are exchanged
// meanwhile; the checker looks afterwards as after every run of the small world.
import { afterAll, describe, expect, inject, test } from 'vitest';
import { agree, ended, planned, start } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { noPgBouncer, startPgBouncer } from './pgbouncer.js';

if (noPgBouncer) console.warn(noPgBouncer);

describe.skipIf(noPgBouncer)('behind a pooler', async () => {
  const server = inject('postgresUrl');
  const { username, password } = new URL(server);
  const bouncer = noPgBouncer
    ? null
    : await startPgBouncer(server, { [username]: decodeURIComponent(password) });
  const small = useSmallWorld({ through: { crm: bouncer?.port, desk: bouncer?.port } });
  let busy = true;
  const exchanging = (async () => {
    while (busy && bouncer) {
      await bouncer.exchange();
      await new Promise(resolve => setTimeout(resolve, 2_000));
    }
  })();
  afterAll(async () => {
    busy = false;
    await exchanging;
    await bouncer?.stop();
  });

  test('somebody is handed over and switched off, and every look was complete', async () => {
    const started = await start(small);
    expect((await planned(small, started)).findings).toEqual([]);
    await agree(small, started);
    expect(await ended(small, started)).toMatchObject({ state: 'closed', outcome: 'completed' });
  }, 180_000);
});
