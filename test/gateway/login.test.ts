/** Who decides on the command line logs in at an identity provider, and decides through the gateway. */
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { main } from '../../client/cli/main.js';
import { loginsOf } from '../../client/logins.js';
import { type Cli, cliOf, jsonLines, type Ran } from '../cli/cli.js';
import { ended, mail, planned } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { useGateway, withGateway } from './front.js';
import { CLIENT, startProvider } from './provider.js';

const provider = await startProvider();
const small = useSmallWorld({
  change: withGateway(config => {
    config.gateway = { ...config.gateway!, oidc: [provider.settings()] };
  }),
});
const front = useGateway(small);
let cli: Cli;
beforeAll(async () => {
  cli = await cliOf(small);
  await cli.writeConfig('handover.yaml', config => {
    config.gateway = { ...config.gateway!, address: front.gateway.url };
  });
});
afterAll(async () => {
  await cli?.remove();
  await provider.stop();
});

/** Nobody listens there. */
const AWAY = 'http://127.0.0.1:64999';

/** A command of one person, whose configuration directory is their own. */
const as = async (who: string, ...args: string[]): Promise<Ran> => {
  let out = '';
  let err = '';
  const code = await main(args, {
    stdout: {
      columns: 120,
      write: text => {
        out += text;
        const url = /with the code in it, (\S+)\)/.exec(text)?.[1];
        if (url) void provider.confirm(url, mail(small, who as 'priya'));
      },
    },
    stderr: { write: text => (err += text) },
    env: { ...cli.env, XDG_CONFIG_HOME: join(cli.dir, `home-of-${who}`) },
    cwd: cli.dir,
  });
  return { code, out, err, json: () => jsonLines(out) };
};
const fileOf = (who: string) =>
  loginsOf({ XDG_CONFIG_HOME: join(cli.dir, `home-of-${who}`) }).fileOf(front.gateway.url);

test('a run is asked for, acknowledged and approved by people who are logged in, and all of it is proved', async () => {
  const alice = mail(small, 'alice');
  expect(await as('olivia', 'start', alice, '--successor', 'manager')).toMatchObject({
    code: 3,
    err: expect.stringContaining('You are not logged in at'),
  });
  for (const who of ['olivia', 'priya'] as const) {
    const login = await as(who, 'login');
    expect(login, login.err).toMatchObject({ code: 0, err: '' });
    expect(login.out).toContain(`as ${small.cast[who].name}`);
    expect(statSync(fileOf(who)).mode & 0o777).toBe(0o600);
  }
  const started = await as('olivia', 'start', alice, '--successor', 'manager', '--json');
  expect(started, started.err).toMatchObject({ code: 0 });
  const { workflowId: run, offboardingId } = started.json()[0] as Record<string, string>;
  small.started.add(run!);
  await planned(small, { run: run!, offboardingId: offboardingId! });
  expect(await as('olivia', 'acknowledge', alice, '--all')).toMatchObject({ code: 0, err: '' });
  // Nobody has to say who they are, and what plan is meant must be said here as well.
  const asked = await as('priya', 'approve', run!);
  expect(asked).toMatchObject({ code: 2, err: expect.stringContaining('is for one plan') });
  const again = /repeat: handover (.*)$/m.exec(asked.err)![1]!;
  expect(await as('priya', ...again.split(' '))).toMatchObject({
    code: 0,
    out: expect.stringContaining('Approved (1 of 1)'),
  });
  const how = { kind: 'verified', by: `the gateway (key new), through a login at ${provider.issuer}` };
  expect(await ended(small, { run: run!, offboardingId: offboardingId! })).toMatchObject({
    outcome: 'completed',
    requester: { name: small.cast.olivia.name, identity: how },
    approvals: [{ by: { name: small.cast.priya.name, identity: how } }],
  });
  expect(await as('priya', 'reject', run!, 'ab'.repeat(32))).toMatchObject({
    code: 3,
    err: expect.stringContaining('is closed'),
  });
});

test('a login is renewed by itself, also by several commands at once, until the provider ends it', async () => {
  provider.lifetime = 20;
  expect(await as('priya', 'login')).toMatchObject({ code: 0, err: '' });
  provider.lifetime = 3_600;
  const before = readFileSync(fileOf('priya'), 'utf8');
  const run = await front.begin();
  const pauses = await Promise.all([1, 2, 3].map(() => as('priya', 'pause', run.run)));
  // It is known who asks, and approvers pause nothing.
  for (const ran of pauses)
    expect(ran).toMatchObject({ code: 3, err: expect.stringContaining('is for operator') });
  expect(readFileSync(fileOf('priya'), 'utf8')).not.toBe(before);
  expect(statSync(fileOf('priya')).mode & 0o777).toBe(0o600);

  provider.lifetime = 20;
  expect(await as('priya', 'login')).toMatchObject({ code: 0, err: '' });
  provider.disable(mail(small, 'priya'));
  expect(await as('priya', 'pause', run.run)).toMatchObject({
    code: 3,
    err: expect.stringMatching(
      /Your login at \S+ has ended. To go on, log in with: handover login --gateway/,
    ),
  });
  provider.enable(mail(small, 'priya'));
  provider.lifetime = 3_600;
  // A file that others can read is no secret any more.
  chmodSync(fileOf('priya'), 0o644);
  expect(await as('priya', 'pause', run.run)).toMatchObject({
    code: 2,
    err: expect.stringContaining('others may read it (mode 644)'),
  });
});

test('after a logout nothing is left of a login, here and at the provider', async () => {
  expect(await as('olivia', 'login')).toMatchObject({ code: 0, err: '' });
  const { refresh } = JSON.parse(readFileSync(fileOf('olivia'), 'utf8')) as { refresh: string };
  expect(await as('olivia', 'logout', '--json')).toMatchObject({
    code: 0,
    err: '',
    out: expect.stringContaining('"revoked":true'),
  });
  expect(existsSync(fileOf('olivia'))).toBe(false);
  const again = await fetch(`${provider.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refresh, client_id: CLIENT }),
  });
  expect(again.status).toBe(400);
  expect(await as('olivia', 'logout')).toMatchObject({
    code: 0,
    out: expect.stringContaining('were not logged in'),
  });
});

test('what stands in the way of a login or a decision is said', async () => {
  const login = (...args: string[]) => as('dora', 'login', ...args);
  const says = (kind: number, sentence: string) => ({ code: kind, err: expect.stringContaining(sentence) });
  expect(await login('--gateway', AWAY)).toMatchObject(says(6, 'does not answer (ECONNREFUSED)'));
  expect(await login('--gateway', 'http://handover.example.com')).toMatchObject(
    says(2, 'use its https address'),
  );
  expect(await login('--gateway', 'handover')).toMatchObject(says(2, 'named by its address'));
  expect(await login('--gateway', provider.issuer)).toMatchObject(says(2, 'is no gateway of Handover'));
  expect(await login('--issuer', 'https://other.example')).toMatchObject(
    says(2, `takes logins of ${provider.issuer}`),
  );
  const strange = await cli.writeConfig('strange.yaml', config => {
    config.gateway = {
      ...config.gateway!,
      address: front.gateway.url,
      oidc: [provider.settings({ issuer: 'https://login.example.com' })],
    };
  });
  expect(await login('--config', strange)).toMatchObject(
    says(3, `sends you to ${provider.issuer} to log in`),
  );
  const nowhere = await cli.writeConfig('nowhere.yaml', () => {});
  expect(await as('dora', 'approve', 'id:1', 'abc', '--config', nowhere)).toMatchObject(
    says(2, 'does not say where the gateway is'),
  );
  // Whoever is in no directory has nothing of their login.
  expect(existsSync(fileOf('dora'))).toBe(false);
  const lost = loginsOf({ XDG_CONFIG_HOME: join(cli.dir, 'home-of-dora') });
  await lost.keep({ ...KEPT, gateway: AWAY, issuer: provider.issuer });
  expect(await as('dora', 'approve', 'id:1', 'abc', '--gateway', AWAY)).toMatchObject(
    says(6, `The gateway at ${AWAY} does not answer`),
  );
  await lost.keep({ ...KEPT, gateway: front.gateway.url, issuer: AWAY });
  expect(await as('dora', 'approve', 'id:1', 'abc')).toMatchObject(says(6, `The issuer ${AWAY} does not`));
});

const KEPT = { client: CLIENT, resource: null, access: 'not-a-token', refresh: 'nor-this', until: null };
