/** Who decides on the command line logs in at an identity provider, and decides through the gateway. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { main } from '../../client/cli/main.js';
import { loginsOf } from '../../client/logins.js';
import { type Cli, cliOf, jsonLines, type Ran } from '../cli/cli.js';
import { ended, mail, planned } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { useGateway, withGateway } from './front.js';
import { startProvider } from './provider.js';

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
