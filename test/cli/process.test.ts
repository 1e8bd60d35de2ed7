/** The command as people start it: a process of its own, from any folder, in pipes. */
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createProgram, main } from '../../client/cli/main.js';
import { planned, start } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { type Cli, cliOf, jsonLines } from './cli.js';

const small = useSmallWorld({ once: true });
let cli: Cli;
beforeAll(async () => {
  cli = await cliOf(small);
});
afterAll(() => cli?.remove());

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BIN = `${ROOT}bin/handover.mjs`;

function sh(
  command: string,
  cwd: string,
  env: Record<string, string> = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const { HANDOVER_CONFIG: _config, ...clean } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-o', 'pipefail', '-c', command], {
      cwd,
      env: { ...clean, ...cli.env, ...env },
    });
    let out = '';
    let err = '';
    child.stdout.on('data', data => (out += data));
    child.stderr.on('data', data => (err += data));
    child.on('error', reject);
    child.on('close', code => resolve({ code, out, err }));
  });
}

test('it works from any folder, finds ./handover.yaml and HANDOVER_CONFIG, and runs through npm', async () => {
  await planned(small, await start(small));
  const here = await sh(`node ${BIN} status alice --json`, cli.dir);
  expect(here).toMatchObject({ code: 0, err: '' });
  expect(jsonLines(here.out)).toMatchObject([{ state: 'awaiting-approval', temporal: 'RUNNING' }]);
  const config = { HANDOVER_CONFIG: `${cli.dir}/handover.yaml` };
  expect(await sh(`node ${BIN} status alice`, tmpdir(), config)).toMatchObject({
    code: 0,
    out: expect.stringContaining('What fits now'),
  });
  expect(await sh('npm run --silent handover -- status alice', ROOT, config)).toMatchObject({
    code: 0,
    out: expect.stringContaining('What fits now'),
  });
});

test('the help that is written down is that of the commands as they are', async () => {
  let out = '';
  const io = { stdout: { columns: 110, write: (text: string) => (out += text) } };
  expect(await main(['--help'], io as Parameters<typeof main>[1])).toBe(0);
  expect((await sh(`node ${BIN} --help`, cli.dir)).out, 'npm run write:help').toBe(out);
  const whole = await createProgram({ io: { ...io, stderr: io.stdout, env: {}, cwd: '' } as never, exit: 0 });
  const summed = await createProgram(
    { io: { ...io, stderr: io.stdout, env: {}, cwd: '' } as never, exit: 0 },
    [],
  );
  expect(summed.helpInformation()).toBe(whole.helpInformation());
});

test('help lists every command with the exit codes, and a wrong command is bad usage', async () => {
  const help = await sh(`node ${BIN} --help`, cli.dir);
  expect(help).toMatchObject({ code: 0, err: '' });
  for (const command of 'start list status items approve reject execute acknowledge amend pause resume retry skip finish cancel audit who-owned check worker dev demo'.split(
    ' ',
  ))
    expect(help.out).toMatch(new RegExp(`^  ${command} `, 'm'));
  expect(help.out).toContain('Exit codes:');
  const wrong = await sh(`node ${BIN} stat`, cli.dir);
  expect(wrong).toMatchObject({ code: 2, out: '' });
  expect(wrong.err).toMatch(/unknown command 'stat'/);
  expect(wrong.err).not.toContain('    at ');
});

test('a pipe that is closed early is no error, and failing exit codes pass through', async () => {
  expect(await sh(`node ${BIN} items alice crm/accounts --limit 1000 | true`, cli.dir)).toMatchObject({
    code: 0,
    err: '',
  });
  const missing = await sh(`node ${BIN} status id:1 --json`, cli.dir);
  expect(missing.code).toBe(4);
  expect(jsonLines(missing.out)).toMatchObject([{ exit: 4 }]);
});
