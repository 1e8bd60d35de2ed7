/**
 * What a command costs before it does anything: processor time of `handover --help` and of `handover list` on an
 * empty Temporal, as whole processes, beside `node -e 0`, in turns.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compared, type Effort, type Measured } from '../harness/figure.js';
import { withServers } from '../harness/servers.js';

const LIMIT_HELP = 4;
/** Measured first (14.6, on a busy machine), then limited: Temporal's client and our sources are loaded. */
const LIMIT_LIST = 17;
/** A process takes a tenth of a second: a round is many. */
const STARTS_PER_ROUND = 5;

const BIN = fileURLToPath(new URL('../../bin/handover.mjs', import.meta.url));
/** Of its systems and its store nothing is asked: a list comes from Temporal alone. */
const DEMO = fileURLToPath(new URL('../../examples/demo/handover.yaml', import.meta.url));
/** Loaded into each of them, Node's own as well: says what the process has used when it ends. */
const METER = `data:text/javascript,${encodeURIComponent(
  `process.on('exit', () => { const { user, system } = process.cpuUsage(); process.stderr.write('\\ncpu ' + (user + system) + '\\n'); });`,
)}`;

export async function start({ rounds, quick, say }: Effort): Promise<Measured> {
  return withServers(async ({ temporal, dir }) => {
    const { address } = await temporal();
    const ways = {
      node: ['-e', '0'],
      help: [BIN, '--help'],
      list: [BIN, 'list', '--address', address, '--config', DEMO, '--json'],
    };
    const took = { node: [] as number[], help: [] as number[], list: [] as number[] };
    // The first translates the sources, and keeps that for the others.
    await cost(ways.list, dir);
    const times = quick ? 1 : rounds * STARTS_PER_ROUND;
    for (let n = 0; n < times; n++)
      for (const way of ['node', 'help', 'list'] as const) took[way].push(await cost(ways[way], dir));
    say(`${times} starts each`);
    return {
      lines: [
        compared('start-help', took.help, took.node, LIMIT_HELP),
        compared('start-list', took.list, took.node, LIMIT_LIST),
      ],
      profile: [],
    };
  });
}

/** Milliseconds of processor time of one process. Rejects where it fails. */
function cost(args: readonly string[], cwd: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', METER, ...args], {
      cwd,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (text: Buffer) => {
      said += text;
    });
    child.on('error', reject);
    child.on('close', code => {
      const used = /cpu (\d+)\n$/.exec(said)?.[1];
      if (code !== 0 || used === undefined)
        reject(new Error(`${args.join(' ')} ended with ${code}: ${said}`));
      else resolve(Number(used) / 1_000);
    });
  });
}
