/** Ids say whose they are: no installation's begin as another one's do. */
import { describe, expect, test } from 'vitest';
import {
  DEFAULT_INSTALLATION,
  foreignId,
  foreignStore,
  idsOf,
  installationOf,
  wrongInstallation,
} from '../../domain/ids.js';

const home = idsOf(DEFAULT_INSTALLATION);

test('the default installation’s ids are as short as they were', () => {
  expect([
    home.offboarding('17'),
    home.offboardings,
    home.request('r'),
    home.look('l'),
    home.archiveSchedule,
  ]).toEqual(['offboarding/17', 'offboarding/', 'request/r', 'archive/l', 'archive-closed']);
});

test('every other installation’s begin with its name', () => {
  const ids = idsOf('acme');
  expect([
    ids.offboarding('17'),
    ids.offboardings,
    ids.request('r'),
    ids.look('l'),
    ids.archiveSchedule,
  ]).toEqual([
    'acme/offboarding/17',
    'acme/offboarding/',
    'acme/request/r',
    'acme/archive/l',
    'acme/archive-closed',
  ]);
});

test('no search by prefix finds an offboarding of another installation, whatever its person’s id is', () => {
  const names = [DEFAULT_INSTALLATION, 'acme', 'acme-west', 'a'];
  for (const mine of names)
    for (const other of names)
      for (const person of ['17', 'offboarding/17', 'acme/offboarding/17', '']) {
        const id = idsOf(other).offboarding(person);
        expect(id.startsWith(idsOf(mine).offboardings), `${id} in ${mine}`).toBe(mine === other);
        expect(installationOf(id)).toBe(other);
        expect(foreignId(idsOf(mine), id) === null).toBe(mine === other);
      }
});

test.each(['request/17', 'archive/17', 'acme/request/17', 'Acme/offboarding/17', '17', ''])(
  '%j is no offboarding’s id',
  id => {
    expect(installationOf(id)).toBeNull();
    expect(foreignId(home, id)).toBeNull();
  },
);

describe('a name', () => {
  test.each(['handover', 'acme', 'acme-eu', 'a1'])('%s may be used', name => {
    expect(wrongInstallation(name)).toBeNull();
  });
  test.each(['', 'Acme', 'acme_eu', 'acme eu', 'acme/eu', '1acme', '-acme', 'a%', 'x'.repeat(41)])(
    '%j may not, and the sentence says what may',
    name => {
      expect(wrongInstallation(name)).toContain('lower-case letters, digits and "-"');
    },
  );
  test.each(['offboarding', 'request', 'archive', 'archive-closed'])('%s is what ids begin with', name => {
    expect(wrongInstallation(name)).toContain('no installation is named like it');
  });
});

test('a store is one installation’s', () => {
  expect(foreignStore('acme', null)).toBeNull();
  expect(foreignStore('acme', 'acme')).toBeNull();
  expect(foreignStore('acme', 'handover')).toMatch(/that of the installation "handover".*installation: acme/);
});
