// A Redmine of one's own for a test: Debian's package, a database that the caller brings, and a private
// instance directory, so that nothing in /etc or /var is written and several can run at once. Where it comes
// from: test/redmine/install.sh.

import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { access, constants, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from '../../runtime/embedded/child.js';
import { freePort, LOOPBACK } from '../../runtime/embedded/ports.js';
import { run } from '../../runtime/embedded/run.js';

const REDMINE = '/usr/share/redmine';
const DATABASE_YML = '/etc/redmine/default/database.yml';
const GEMS = '/usr/share/rubygems-integration/all/gems';
// Debian's Ruby by its path: a developer's own (rbenv, asdf) does not have Debian's gems.
const RUBY = '/usr/bin/ruby';
const PATH = '/usr/bin:/bin';

// Measured on 2 cores: migration 6 s, seed 32 s, start 6 s. Ten times that is a hang, not a slow machine.
const COMMAND_MS = 300_000;
const ANSWERS_WITHIN_MS = 60_000;

export interface Redmine {
  baseUrl: string;
  /**
   * Ends the server, for sure, and removes the instance directory. The database is the caller's. Twice is
   * fine.
   */
  stop(): Promise<void>;
}

export interface RedmineInstance {
  /** Creates Redmine's tables. */
  migrate(): Promise<void>;
  /** Runs a Ruby file inside Redmine (`rails runner`) and gives back what it printed. */
  runner(script: string): Promise<string>;
  serve(): Promise<Redmine>;
  remove(): Promise<void>;
}

/** @param databaseUrl an empty PostgreSQL database, with a user who may create tables */
export async function prepareRedmine(databaseUrl: string): Promise<RedmineInstance> {
  const webrick = await findInstallation();
  const dir = await mkdtemp(join(tmpdir(), 'handover-redmine-'));
  for (const part of ['config', 'files', 'log', 'public', 'tmp']) await mkdir(join(dir, part));
  // JSON strings are YAML strings.
  const database = { production: { adapter: 'postgresql', url: databaseUrl, encoding: 'utf8' } };
  await writeFile(join(dir, 'config/database.yml'), JSON.stringify(database), { mode: 0o600 });
  await writeFile(join(dir, 'config/secret_key.txt'), randomBytes(32).toString('hex'), { mode: 0o600 });
  const env = {
    PATH,
    HOME: dir,
    LANG: 'C.UTF-8',
    // Redmine keeps times in the server's time zone, without saying which.
    TZ: 'UTC',
    RAILS_ENV: 'production',
    // Debian's way to several Redmines on one machine: /usr/share/redmine/instances/<this>. A path leads out
    // of there; more steps up than there are do no harm, and are needed, because `instances` is a link and
    // may or may not be followed first.
    REDMINE_INSTANCE: join('../../../../../..', dir),
    REDMINE_LANG: 'en',
    // A migration would write the schema down beside the program.
    SCHEMA: '/dev/null',
    // Not among Redmine's gems, because Debian expects Apache in front.
    RUBYLIB: join(GEMS, webrick, 'lib'),
  };

  const inside = async (what: string, args: string[]): Promise<string> => {
    const result = await run(RUBY, args, { cwd: REDMINE, env, timeoutMs: COMMAND_MS });
    if (result.ok) return result.stdout;
    throw new Error(
      `Redmine could not ${what} (${result.why}):\n${firstLines(result.stderr) || firstLines(result.stdout)}`,
    );
  };
  const remove = (): Promise<void> => rm(dir, { recursive: true, force: true });

  return {
    migrate: async () => {
      await inside('create its tables', ['bin/rake', 'db:migrate']);
    },
    runner: script => inside(`run ${script}`, ['bin/rails', 'runner', script]),
    serve: async () => {
      const port = await freePort(undefined, 'Redmine', () => {});
      const args = [
        'bin/rails',
        'server',
        '-u',
        'webrick',
        '-b',
        LOOPBACK,
        '-p',
        String(port),
        '-P',
        join(dir, 'tmp/server.pid'),
      ];
      const child = await startChild({
        name: 'Redmine',
        command: RUBY,
        args,
        cwd: REDMINE,
        env,
        logFile: join(dir, 'log/server.log'),
        // It holds nothing that a kill could lose: the database is elsewhere.
        stop: [{ signal: 'SIGINT', graceMs: 5_000 }],
      });
      const stop = async (): Promise<void> => {
        await child.stop();
        await remove();
      };
      const baseUrl = `http://${LOOPBACK}:${port}`;
      try {
        await waitUntilItAnswers(baseUrl, child);
      } catch (error) {
        await stop();
        throw error;
      }
      return { baseUrl, stop };
    },
    remove,
  };
}

/** The name of the installed webrick gem; throws the one sentence that says how to get Redmine. */
async function findInstallation(): Promise<string> {
  const readable = (path: string): Promise<boolean> =>
    access(path, constants.R_OK).then(
      () => true,
      () => false,
    );
  const webrick = (await readable(GEMS))
    ? readdirSync(GEMS).find(gem => gem.startsWith('webrick-'))
    : undefined;
  if (!webrick || !(await readable(`${REDMINE}/bin/rails`)) || !(await readable('/etc/redmine/default'))) {
    throw new Error(
      'Redmine is not installed on this machine: run test/redmine/install.sh as root (Debian), then try again.',
    );
  }
  // Redmine chooses its database driver by this file, whatever instance it runs.
  if (!(await readable(DATABASE_YML))) {
    throw new Error(
      `${DATABASE_YML} is not readable: run these tests as root or as a member of the group www-data.`,
    );
  }
  if (!/adapter:\s*postgresql/.test(await readFile(DATABASE_YML, 'utf8'))) {
    throw new Error(
      `${DATABASE_YML} does not name PostgreSQL: run test/redmine/install.sh as root on a machine without a Redmine of its own.`,
    );
  }
  return webrick;
}

async function waitUntilItAnswers(baseUrl: string, child: Child): Promise<void> {
  let exit: string | undefined;
  void child.exited.then(({ sentence }) => {
    exit = sentence;
  });
  const deadline = Date.now() + ANSWERS_WITHIN_MS;
  while (Date.now() < deadline) {
    if (exit) throw new Error(exit);
    const answer = await fetch(`${baseUrl}/login`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  throw new Error(`Redmine did not answer at ${baseUrl} within ${ANSWERS_WITHIN_MS / 1000} s.`);
}

/** Ruby puts the error first and fifty frames of other people's code behind it. */
const firstLines = (text: string): string => text.trim().split('\n').slice(0, 8).join('\n');
