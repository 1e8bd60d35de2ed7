/** Where a system's connection comes from: one variable, or several parts from variables and files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { connectionOf, readConfig, variablesOf } from '../../runtime/config.js';

const dir = mkdtempSync(join(tmpdir(), 'handover-config-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function configWith(crm: string) {
  const file = join(dir, 'handover.yaml');
  writeFileSync(
    file,
    `version: 1\ndirectory: crm\nsystems:\n  crm: ${crm}\nstore: { connection: STORE_URL }\n`,
  );
  return readConfig(file, {});
}

test('one variable is a connection whose only part is its url', () => {
  const config = configWith('{ catalog: crm.yaml, connection: CRM_URL }');
  const bundle = connectionOf(config, 'crm', { CRM_URL: 'postgresql://u:p@h/d' });
  expect(bundle.names).toEqual(['url']);
  expect(bundle.need('url')).toBe('postgresql://u:p@h/d');
  expect(variablesOf(config.systems.crm!)).toEqual(['CRM_URL']);
  expect(() => connectionOf(config, 'crm', {})).toThrow(
    'The environment variable CRM_URL is not set; it holds the connection of system "crm"',
  );
});

test('parts come from variables and from files beside the configuration, without the line break at the end', () => {
  const config = configWith(
    '{ catalog: crm.yaml, connect: { base: CRM_BASE, token: { file: secrets-token } } }',
  );
  writeFileSync(join(dir, 'secrets-token'), 'hunter2\n');
  const bundle = connectionOf(config, 'crm', { CRM_BASE: 'https://crm.example' });
  expect(bundle.names).toEqual(['base', 'token']);
  expect(bundle.need('token')).toBe('hunter2');
  expect(variablesOf(config.systems.crm!)).toEqual(['CRM_BASE']);
});

test('a part that is nowhere is named, with where it should be', () => {
  const config = configWith('{ catalog: crm.yaml, connect: { base: CRM_BASE, token: { file: nowhere } } }');
  expect(() => connectionOf(config, 'crm', {})).toThrow(
    'The environment variable CRM_BASE is not set; it holds "base" of system "crm".',
  );
  expect(() => connectionOf(config, 'crm', { CRM_BASE: 'x' })).toThrow(
    `The file ${join(dir, 'nowhere')} cannot be read (ENOENT); it holds "token" of system "crm".`,
  );
  writeFileSync(join(dir, 'nowhere'), '\n');
  expect(() => connectionOf(config, 'crm', { CRM_BASE: 'x' })).toThrow(
    'is empty; it holds "token" of system "crm".',
  );
});

test('a directory called "constructor" is no system of the file', () => {
  const file = join(dir, 'directory.yaml');
  writeFileSync(
    file,
    'version: 1\ndirectory: constructor\nsystems:\n  crm: { catalog: crm.yaml, connection: CRM_URL }\nstore: { connection: STORE_URL }\n',
  );
  expect(() => readConfig(file, {})).toThrow('"constructor" is no system of this file; known are crm');
});

test('coverage may only be advisory in systems that there are', () => {
  const read = (coverage: string) => {
    const file = join(dir, 'covered.yaml');
    writeFileSync(
      file,
      `version: 1\ndirectory: crm\nsystems: { crm: { catalog: crm.yaml, connection: CRM_URL } }\nstore: { connection: STORE_URL }\npolicy: { coverage: ${coverage} }\n`,
    );
    return readConfig(file, {}).policy.coverage;
  };
  expect(read('advisory')).toBe('advisory');
  expect(read('{ crm: advisory }')).toEqual({ crm: 'advisory' });
  expect(() => read('{ crn: advisory }')).toThrow(
    'policy.coverage: "crn" is no system of this file; known are crm',
  );
  expect(() => read('none')).toThrow('it is "required", "advisory", or one of the two by system');
});

test('the task queue is named as the installation is, unless the file says another', () => {
  const read = (more: string) => {
    const file = join(dir, 'named.yaml');
    writeFileSync(
      file,
      `version: 1\ndirectory: crm\nsystems: { crm: { catalog: crm.yaml, connection: CRM_URL } }\nstore: { connection: STORE_URL }\n${more}`,
    );
    const { installation, temporal } = readConfig(file, {});
    return [installation, temporal.taskQueue];
  };
  expect(read('')).toEqual(['handover', 'handover']);
  expect(read('installation: acme-eu\n')).toEqual(['acme-eu', 'acme-eu']);
  expect(read('installation: acme-eu\ntemporal: { taskQueue: big }\n')).toEqual(['acme-eu', 'big']);
});
