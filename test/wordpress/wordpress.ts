// A WordPress of one's own for a test: its files from Debian, a MariaDB and a PHP server that end with it.
// Where it comes from: test/wordpress/install.sh.

import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from '../../runtime/embedded/child.js';
import { freePort, LOOPBACK } from '../../runtime/embedded/ports.js';
import { run } from '../../runtime/embedded/run.js';

const FILES = join(process.env.HANDOVER_WORDPRESS ?? '/opt/handover-wordpress', 'usr/share/wordpress');
const PATH = '/usr/sbin:/usr/bin:/bin';

export interface WordPress {
  baseUrl: string;
  admin: { login: string; applicationPassword: string };
  stop(): Promise<void>;
}

const configOf = (web: number, database: number): string => `<?php
define('DB_NAME', 'wp'); define('DB_USER', 'wp'); define('DB_PASSWORD', 'wp'); define('DB_HOST', '127.0.0.1:${database}');
define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
foreach (['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT', 'NONCE_SALT'] as $k) define($k, "x$k");
define('WP_HOME', 'http://127.0.0.1:${web}'); define('WP_SITEURL', 'http://127.0.0.1:${web}');
define('WP_ENVIRONMENT_TYPE', 'local'); define('WP_HTTP_BLOCK_EXTERNAL', true); define('DISABLE_WP_CRON', true); define('AUTOMATIC_UPDATER_DISABLED', true);
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
`;

/** PHP's own server, with addresses that are no files going to WordPress. */
const ROUTER = `<?php
$root = $_SERVER['DOCUMENT_ROOT'];
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if ($path !== '/' && is_file($root . $path)) return false;
$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = '/index.php';
require $root . '/index.php';
`;

/** Permalinks, without which the REST API has other addresses; and an application password for the administrator. */
const SETTLE =
  'require "wp-load.php"; update_option("permalink_structure", "/%postname%/"); flush_rewrite_rules();' +
  'echo WP_Application_Passwords::create_new_application_password(1, ["name" => "handover"])[0];';

export async function startWordPress(): Promise<WordPress> {
  const dir = await mkdtemp(join(tmpdir(), 'handover-wordpress-'));
  const undo: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const files = join(dir, 'files');
    await cp(FILES, files, { recursive: true, verbatimSymlinks: true }).catch(error => {
      throw new Error(
        `WordPress is not on this machine (${(error as Error).message}): run test/wordpress/install.sh as root (Debian), then try again.`,
      );
    });
    const web = await freePort(undefined, 'WordPress', () => {});
    const database = await freePort(undefined, 'MariaDB', () => {});
    await writeFile(join(files, 'wp-config.php'), configOf(web, database));
    await writeFile(join(dir, 'router.php'), ROUTER);
    const mariadb = await startMariaDb(dir, database);
    undo.push(() => mariadb.stop());
    const env = { PATH, HOME: dir, LANG: 'C.UTF-8', TZ: 'UTC', PHP_CLI_SERVER_WORKERS: '3' };
    const php = await startChild({
      name: 'WordPress',
      command: '/usr/bin/php',
      args: ['-d', 'display_errors=0', '-S', `${LOOPBACK}:${web}`, '-t', files, join(dir, 'router.php')],
      cwd: files,
      env,
      logFile: join(dir, 'php.log'),
      stop: [{ signal: 'SIGINT', graceMs: 3_000 }],
    });
    undo.push(() => php.stop());
    const baseUrl = `http://${LOOPBACK}:${web}`;
    await installed(baseUrl);
    const settled = await run('/usr/bin/php', ['-d', 'display_errors=0', '-r', SETTLE], {
      cwd: files,
      env: { ...env, HTTP_HOST: `${LOOPBACK}:${web}` },
      timeoutMs: 60_000,
    });
    if (!settled.ok) throw new Error(`WordPress could not be set up (${settled.why}): ${settled.stderr}`);
    return { baseUrl, admin: { login: 'admin', applicationPassword: settled.stdout.trim() }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startMariaDb(dir: string, port: number): Promise<Child> {
  const data = join(dir, 'db');
  const socket = join(dir, 'db.sock');
  const env = { PATH, HOME: dir, LANG: 'C.UTF-8' };
  const inside = async (what: string, command: string, args: string[]): Promise<void> => {
    const result = await run(command, args, { cwd: dir, env, timeoutMs: 120_000 });
    if (!result.ok) throw new Error(`MariaDB could not ${what} (${result.why}): ${result.stderr}`);
  };
  await inside('make its files', '/usr/bin/mariadb-install-db', [
    '--no-defaults',
    '--user=root',
    `--datadir=${data}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
  ]);
  const child = await startChild({
    name: 'MariaDB',
    command: '/usr/sbin/mariadbd',
    args: [
      '--no-defaults',
      '--user=root',
      `--datadir=${data}`,
      `--socket=${socket}`,
      `--pid-file=${join(dir, 'db.pid')}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      '--innodb-flush-log-at-trx-commit=0',
    ],
    cwd: dir,
    env,
    logFile: join(dir, 'db.log'),
    stop: [{ signal: 'SIGTERM', graceMs: 10_000 }],
  });
  const client = ['--no-defaults', '-uroot', '-S', socket, '-e'];
  await eventually('MariaDB', async () => {
    const result = await run('/usr/bin/mariadb', [...client, 'select 1'], {
      cwd: dir,
      env,
      timeoutMs: 10_000,
    });
    return result.ok;
  });
  await inside('make its database', '/usr/bin/mariadb', [
    ...client,
    [
      'create database wp',
      "create user wp@'127.0.0.1' identified by 'wp'",
      "create user wp@localhost identified by 'wp'",
      "grant all on wp.* to wp@'127.0.0.1'",
      'grant all on wp.* to wp@localhost',
    ].join('; '),
  ]);
  return child;
}

async function installed(baseUrl: string): Promise<void> {
  const form = new URLSearchParams({
    weblog_title: 'Acme',
    user_name: 'admin',
    admin_password: 'admin-pw-1',
    admin_password2: 'admin-pw-1',
    pw_weak: 'on',
    admin_email: 'admin@acme.test',
    blog_public: '0',
  });
  await eventually('WordPress', async () => {
    const answer = await fetch(`${baseUrl}/wp-admin/install.php?step=2`, {
      method: 'POST',
      body: form,
    }).catch(() => null);
    return answer?.ok ?? false;
  });
}

async function eventually(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`${what} did not answer within a minute.`);
    await new Promise(resolve => setTimeout(resolve, 200));
  }
}
