/** Temporal as people have it: certificates, API keys, profiles; and what we say where we are not let in. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { register } from '../../deploy/register.js';
import { readConfig } from '../../runtime/config.js';
import { profileOf } from '../../runtime/profile.js';
import { connectTemporal, type Place } from '../../runtime/temporal.js';
import { cliOf } from '../cli/cli.js';
import { planned, start } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { behindApiKey, behindCertificates, certificate, keyOf, type Secured } from '../support/secured.js';

const small = useSmallWorld();
const KEY = 'key-of-the-test-that-opens-nothing-else';
let certificates: Secured;
let keys: Secured;
let folder: string;

beforeAll(async () => {
  const { address } = small.world.config.temporal;
  certificates = await behindCertificates(address);
  keys = await behindApiKey(address, KEY);
  folder = mkdtempSync(join(tmpdir(), 'handover-profiles-'));
});
afterAll(async () => {
  await certificates?.close();
  await keys?.close();
  rmSync(folder, { recursive: true, force: true });
});

const byCertificate = (name: string): NodeJS.ProcessEnv => ({
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: certificate('ca'),
  TEMPORAL_TLS_CLIENT_CERT_PATH: certificate(name),
  TEMPORAL_TLS_CLIENT_KEY_PATH: keyOf(name),
});
const byKey = (key: string): NodeJS.ProcessEnv => ({
  TEMPORAL_API_KEY: key,
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: certificate('ca'),
});

async function described(place: Place, env: NodeJS.ProcessEnv): Promise<string | null | undefined> {
  const client = await connectTemporal(place, env);
  onTestFinished(() => client.connection.close());
  const { namespace } = place;
  const { namespaceInfo } = await client.workflowService.describeNamespace({ namespace });
  return namespaceInfo?.name;
}

describe('a worker and a command', () => {
  test.each([
    ['a client certificate', () => ({ address: certificates.address, env: byCertificate('client') })],
    ['an API key', () => ({ address: keys.address, env: byKey(KEY) })],
  ])(
    'with %s plan an offboarding',
    async (_, secured) => {
      const { address, env } = secured();
      const { world } = small;
      const config = { ...world.config, temporal: { ...world.config.temporal, address } };
      expect(await described(config.temporal, env)).toBe('default');
      await world.restartWorker({ config, env: { ...world.env, ...env } });
      onTestFinished(() => world.restartWorker());
      const run = await start(small, { mode: 'preview' });
      expect(await planned(small, run)).toMatchObject({ plan: { mode: 'preview' } });
      await world.offboardings.result(run.run);
    },
    60_000,
  );
});

test('a worker begins by saying what it serves and how it is let in, and ends in order', async () => {
  const cli = await cliOf(small);
  onTestFinished(() => cli.remove());
  await cli.writeConfig('handover.yaml', config => {
    config.temporal.address = keys.address;
  });
  const handover = fileURLToPath(new URL('../../bin/handover.mjs', import.meta.url));
  const worker = spawn(process.execPath, [handover, 'worker'], {
    cwd: cli.dir,
    env: { ...process.env, ...cli.env, ...byKey(KEY) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void worker.kill('SIGKILL'));
  const ended = once(worker, 'exit');
  const said: string[] = [];
  for await (const line of createInterface({ input: worker.stdout })) {
    said.push(line);
    if (line.includes('This worker takes work.')) worker.kill('SIGTERM');
  }
  expect(await ended, said.join('\n')).toEqual([0, null]);
  expect(said.find(line => line.includes('This worker takes work.'))).toContain(
    `"temporal":"${keys.address}, with TLS and an API key"`,
  );
  expect(said.join()).not.toContain(KEY);
  expect(said.at(-1)).toContain('Stopped in order.');
}, 120_000);

test.each([
  [
    'a wrong API key',
    () => [keys, byKey('wrong')],
    /does not know who we are \(asked with TLS and an API key/,
  ],
  [
    'no API key',
    () => [keys, { ...byKey(KEY), TEMPORAL_API_KEY: '' }],
    /does not know who we are \(asked with TLS;/,
  ],
  [
    'a certificate that is over',
    () => [certificates, byCertificate('expired')],
    /with TLS and a client certificate: our client certificate was good until 2026-01-01T00:00:00.000Z/,
  ],
  [
    'a certificate of somebody else',
    () => [certificates, byCertificate('foreign')],
    /it ends the connection once it has seen our client certificate/,
  ],
  [
    'no certificate',
    () => [certificates, { TEMPORAL_TLS_SERVER_CA_CERT_PATH: certificate('ca') }],
    /it asks for a client certificate, and we have none/,
  ],
  [
    'an authority that we do not know',
    () => [certificates, { TEMPORAL_TLS: 'true' }],
    /we do not take its certificate/,
  ],
  ['no TLS', () => [certificates, {}], /with no TLS: it speaks TLS, and we do not/],
] as [string, () => [Secured, NodeJS.ProcessEnv], RegExp][])(
  '%s is said',
  async (_, given, says) => {
    const [{ address }, env] = given();
    const refused = await connectTemporal({ address, namespace: 'default' }, env).catch(
      (error: Error) => error,
    );
    expect(refused).toBeInstanceOf(Error);
    expect((refused as Error).message).toMatch(says);
    expect((refused as Error).message).not.toContain(KEY);
  },
  60_000,
);

test('a namespace that is not ours is said at once, by whoever prepares it', async () => {
  const preparing = (env: NodeJS.ProcessEnv): Promise<void> =>
    register({
      address: keys.address,
      namespace: 'closed',
      env,
      installation: 'handover',
      taskQueue: 'handover',
      retentionDays: 1,
      store: null,
      say: () => {},
    });
  await expect(preparing(byKey(KEY))).rejects.toThrow(
    /Nothing can be seen of the namespace "closed" \(.*not yours.*\): give this key or certificate the right to it/,
  );
  await expect(preparing(byKey('wrong'))).rejects.toThrow(/does not know who we are/);
}, 30_000);

test('what is no path is named, and what is no profile', () => {
  const env = {
    TEMPORAL_TLS_CLIENT_CERT_PATH: '/nowhere/client.pem',
    TEMPORAL_TLS_CLIENT_KEY_PATH: '/nowhere/client.key',
  };
  expect(() => profileOf({}, env)).toThrow(/cannot be read: .*\/nowhere\/client.pem/);
  const file = join(folder, 'temporal.toml');
  writeFileSync(file, '[profile.default]\naddress = "a:7233"\n');
  const named = { TEMPORAL_CONFIG_FILE: file };
  expect(() => profileOf({ profile: 'cloud' }, named)).toThrow(/profile "cloud", cannot be read: .*cloud/);
});

describe('a profile of Temporal’s own file', () => {
  const written = (temporal: string, toml: string): { file: string; env: NodeJS.ProcessEnv } => {
    const config = join(folder, 'handover.yaml');
    const profiles = join(folder, 'temporal.toml');
    writeFileSync(
      config,
      `version: 1\nstore: { connection: STORE }\ndirectory: crm\nsystems:\n  crm: { catalog: ./crm.yaml, connection: CRM }\n${temporal}`,
    );
    writeFileSync(profiles, toml);
    return { file: config, env: { TEMPORAL_CONFIG_FILE: profiles } };
  };
  const CLOUD = '[profile.cloud]\naddress = "europe:7233"\nnamespace = "people.a1b2c"\napi_key = "a-key"\n';

  test('says where Temporal is and how we are let in', () => {
    const { file, env } = written('temporal: { profile: cloud, taskQueue: offboarding }\n', CLOUD);
    const { temporal } = readConfig(file, env);
    expect(temporal).toMatchObject({
      address: 'europe:7233',
      namespace: 'people.a1b2c',
      taskQueue: 'offboarding',
    });
    expect(JSON.stringify(temporal)).not.toContain('a-key');
    expect(profileOf(temporal, env)).toMatchObject({
      options: { apiKey: 'a-key', tls: true },
      words: 'TLS and an API key',
    });
    // The environment wins, as everywhere.
    const moved = readConfig(file, { ...env, TEMPORAL_ADDRESS: 'asia:7233' });
    expect(moved.temporal.address).toBe('asia:7233');
  });

  test('is for nobody who does not name it, and for no server of our own', () => {
    const { file } = written('temporal: { address: "here:7233" }\n', CLOUD.replace('cloud', 'default'));
    expect(readConfig(file, {}).temporal).toMatchObject({ address: 'here:7233', namespace: 'default' });
    expect(profileOf({ local: true }, { TEMPORAL_API_KEY: 'a-key', TEMPORAL_TLS: 'true' }).options).toEqual(
      {},
    );
  });

  test('says it alone: an address beside it is a mistake with its line', () => {
    const { file, env } = written('temporal:\n  profile: cloud\n  address: here:7233\n', CLOUD);
    expect(() => readConfig(file, env)).toThrow(
      /handover.yaml:8 temporal.address: the profile "cloud" says it as well; leave one of them out/,
    );
  });
});
