/**
 * What a plan has shown to move only after the switch is no lie; the same move without that is one.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { handOver } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { checkInvariants } from './check.js';

const dir = mkdtempSync(join(tmpdir(), 'handover-late-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const small = useSmallWorld({
  check: false,
  change: config => {
    const text = readFileSync('test/small-world/desk.yaml', 'utf8');
    const late = text.replace(
      '    title: Open tickets\n',
      '    title: Open tickets\n    switch: { when: after }\n',
    );
    expect(late).not.toBe(text);
    config.systems.desk!.catalog = join(dir, 'desk.yaml');
    writeFileSync(config.systems.desk!.catalog, late);
  },
});

test('a declared order is believed, and no other', async () => {
  const { status } = await handOver(small);
  expect(status).toMatchObject({ outcome: 'completed' });
  expect(await checkInvariants(small.db, small.before)).toEqual([]);

  await small.db.store.query('alter table handover.plans disable trigger all');
  await small.db.store.query(
    `update handover.plans set body = replace(body, '"late":{"withinDays":null},', '')`,
  );
  const lies = await checkInvariants(small.db, small.before);
  expect(lies.map(({ message }) => message).join('\n')).toContain(
    'after the leaver had been switched off in desk',
  );
});
