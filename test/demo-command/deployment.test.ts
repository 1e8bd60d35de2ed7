/**
 * The deployed shape, as far as it can be checked without a container engine (docs/deploying.md says what
 * that leaves open).
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { register } from '../../deploy/register.js';
import { readConfig, variablesOf } from '../../runtime/config.js';
import { profileOf } from '../../runtime/profile.js';
import { searchAttributes } from '../../runtime/search-attributes.js';
import { temporaryDir } from '../runtime/processes.js';
import { temporalAddress } from '../support/servers.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

interface Service {
  image: string;
  build?: string;
  environment?: Record<string, unknown>;
  volumes?: string[];
  entrypoint?: string[];
  command?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
}

const compose = parse(read('docker-compose.yml'), { merge: true }) as { services: Record<string, Service> };
const services = Object.entries(compose.services);
const ours = services.filter(([, service]) => service.build !== undefined);
const dockerfile = read('Dockerfile');
const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(match => match[1]!.split(' '));

test('every variable that the compose file gives to our services is one that the code reads', () => {
  const code = sources(['runtime', 'workers', 'deploy', 'client']).map(read).join('\n');
  const config = readConfig(join(ROOT, 'examples/demo/handover.yaml'));
  const connections = [
    config.store.connection,
    config.store.owner,
    ...Object.values(config.systems).flatMap(variablesOf),
  ];
  const given = ours.flatMap(([, { environment }]) => Object.keys(environment ?? {}));
  expect(given).toEqual(expect.arrayContaining(['HANDOVER_CONFIG', 'TEMPORAL_ADDRESS', ...connections]));
  // Temporal's own are read by its library.
  const isTemporals = (name: string): boolean =>
    Object.values(profileOf({}, { [name]: 'given' })).includes('given');
  const unread = given.filter(
    name =>
      !connections.includes(name) && !isTemporals(name) && !new RegExp(`env\\??\\.${name}\\b`).test(code),
  );
  expect(unread).toEqual([]);
});

test('every variable that the compose file takes from .env stands in its example', () => {
  const wanted = new Set([...read('docker-compose.yml').matchAll(/\$\{([A-Z_]+)/g)].map(match => match[1]!));
  const example = [...read('deploy/env.example').matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(match => match[1]!);
  expect([...wanted].sort()).toEqual(example.sort());
});

test('every image is pinned, every service that is waited for exists and can be waited for', () => {
  for (const [name, { image }] of services) expect(image, name).toMatch(/:\d+\.\d+/);
  for (const [name, { depends_on = {} }] of services) {
    for (const [other, { condition }] of Object.entries(depends_on)) {
      expect(Object.keys(compose.services), `${name} waits for ${other}`).toContain(other);
      if (condition === 'service_healthy')
        expect(compose.services[other]!.healthcheck, `${other}, for ${name}`).toBeDefined();
    }
  }
  // Who signs what people decide is told nothing of target systems, and who carries it out sees no secret
  // key.
  const { gateway, worker } = compose.services;
  expect(Object.keys(gateway!.environment!).filter(name => name.startsWith('DEMO_'))).toEqual([]);
  expect(worker!.volumes!.some(volume => volume.includes('secrets'))).toBe(false);
  expect(compose.services.worker!.depends_on).toMatchObject({
    register: { condition: 'service_completed_successfully' },
  });
});

test('every file that the compose file mounts or starts, and that the image copies, exists', () => {
  // ./config and ./secrets are made by whoever deploys.
  const mounted = services
    .flatMap(([, { volumes = [] }]) => volumes.map(volume => volume.split(':')[0]!))
    .filter(path => path.startsWith('./') && path !== './config' && path !== './secrets');
  const started = ours
    .flatMap(([, service]) => [...(service.entrypoint ?? []), ...(service.healthcheck?.test ?? [])])
    .filter(word => word.includes('/'));
  expect([...mounted, ...started].length).toBeGreaterThanOrEqual(6);
  for (const path of [...mounted, ...started, ...copied])
    expect(existsSync(join(ROOT, path)), path).toBe(true);
  for (const path of copied)
    expect(read('.dockerignore').split('\n'), path).toContain(`!${path.replace('./', '')}`);
});

test('the image holds every file that its commands import, and no package that only developers install', () => {
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
  const { files, packages } = importsOf([
    'bin/handover.mjs',
    'workers/main.ts',
    'workflows/index.ts',
    'deploy/register.ts',
    'deploy/seed-demo.ts',
    'deploy/outreach.ts',
    'deploy/healthy.mjs',
    'deploy/gateway-answers.mjs',
  ]);
  expect(files.length).toBeGreaterThan(50);
  expect(files.filter(file => !copied.some(path => file === path || file.startsWith(`${path}/`)))).toEqual(
    [],
  );
  // The SDK's own packages come with each other.
  expect(packages.filter(name => !dependencies[name])).toEqual([]);
});

test('the one-shot service makes the namespace, exactly the search attributes that runs set and the archiver’s schedule, and may run again', async () => {
  const lines: string[] = [];
  const namespace = `deploy-${process.pid}-${Date.now()}`;
  const options = {
    address: temporalAddress(),
    namespace,
    installation: 'handover',
    taskQueue: 'handover',
    retentionDays: 30,
    store: null,
    say: (line: string) => lines.push(line),
  };
  await register(options);
  await register(options);
  expect(lines.slice(-2)).toEqual([
    'Search attributes: all there already.',
    'Schedule archive-closed: there already, made anew.',
  ]);
  const connection = await Connection.connect({ address: temporalAddress() });
  try {
    const { customAttributes = {} } = await connection.operatorService.listSearchAttributes({ namespace });
    expect(
      Object.keys(customAttributes)
        .filter(name => name.startsWith('Offboarding'))
        .sort(),
    ).toEqual(Object.keys(searchAttributes).sort());
    const { config } = await connection.workflowService.describeNamespace({ namespace });
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 86_400);
  } finally {
    await connection.close();
  }
});

test('a worker whose sign of life is missing or old is ill', async () => {
  const file = join(await temporaryDir(), 'alive');
  const check = () =>
    promisify(execFile)(process.execPath, [join(ROOT, 'deploy/healthy.mjs')], {
      env: { ...process.env, HANDOVER_HEALTH_FILE: file },
    });
  await expect(check()).rejects.toThrow('no sign of life yet');
  writeFileSync(file, '');
  await check();
  utimesSync(file, new Date(), new Date(Date.now() - 60_000));
  await expect(check()).rejects.toThrow(/6\d s old/);
});

test('the shell scripts are valid POSIX shell', async () => {
  for (const script of ['deploy/postgres/10-databases.sh', 'deploy/temporal/schema.sh']) {
    await promisify(execFile)('sh', ['-n', join(ROOT, script)]);
    expect(statSync(join(ROOT, script)).mode & 0o111, script).not.toBe(0);
  }
});

function sources(folders: string[]): string[] {
  return folders.flatMap(folder =>
    (readdirSync(join(ROOT, folder), { recursive: true }) as string[])
      .filter(name => /\.(ts|mjs)$/.test(name))
      .map(name => join(folder, name)),
  );
}

/** What these files import at run time, all the way down: files of ours and names of packages. */
function importsOf(entries: string[]): { files: string[]; packages: string[] } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    for (const match of read(file).matchAll(
      /^(?:import|export)\s(?!type\b)[^;]*?from\s+'([^']+)'|\bimport\('([^']+)'\)|^import '([^']+)'/gm,
    )) {
      const name = (match[1] ?? match[2] ?? match[3])!;
      if (name.startsWith('.')) visit(sourceOf(resolve(ROOT, dirname(file), name)));
      else if (!name.startsWith('node:'))
        packages.add(name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : name.split('/')[0]!);
    }
  };
  for (const entry of entries) visit(entry);
  return { files: [...files], packages: [...packages] };
}

function sourceOf(path: string): string {
  const typescript = path.replace(/\.js$/, '.ts');
  return relative(ROOT, existsSync(typescript) ? typescript : path);
}
