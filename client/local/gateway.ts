/**
 * A gateway beside the worker of `dev` and `demo`: with the configuration's own settings, or with a key and a
 * token made for this machine where it has none.
 */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StatementKey } from '../../domain/statement.js';
import { newKey } from '../../gateway/sign.js';
import { startGateway } from '../../gateway/start.js';
import { newToken } from '../../gateway/tokens.js';
import { type Config, statementKeys } from '../../runtime/config.js';
import type { Life } from './lifetime.js';

export interface LocalGateway {
  /** Where it listens, e.g. http://127.0.0.1:43001. */
  url: string;
  /** Lets whoever has it in; null where the configuration says who may come. */
  token: string | null;
}

const KEY = 'local';

/** What a gateway here runs with, and what the worker beside it is to believe. */
export interface Furnished {
  config: Config;
  token: string | null;
  trusts: readonly StatementKey[];
}

/**
 * A configuration without a gateway gets one, with its files in the state directory. The key stays from start
 * to start, since what it signed may still lie unread; the token is a new one each time. What the policy says
 * about decisions stays as it is: the command line and the Temporal UI decide here as before.
 *
 * @param person whose token it is, and what the directory lets them do; without one it only shows
 */
export async function furnish(config: Config, stateDir: string, person?: string): Promise<Furnished> {
  if (config.gateway) return { config, token: null, trusts: [] };
  const folder = join(stateDir, 'gateway');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = (name: string): string => join(folder, name);
  if (!existsSync(file('key.pem')) || !existsSync(file('key.pub.pem'))) {
    const pair = await newKey();
    await writeFile(file('key.pub.pem'), pair.public);
    await writeFile(file('key.pem'), pair.secret, { mode: 0o600 });
  }
  const { token, sha256 } = newToken();
  const who = person === undefined ? { roles: ['viewer'] } : { person, roles: 'directory' };
  const tokens = [{ name: 'this machine', sha256, ...who }];
  await writeFile(file('tokens.yaml'), JSON.stringify({ tokens }), { mode: 0o600 });
  const gateway: Config['gateway'] = {
    // Any free port: several of these may run beside each other.
    listen: '127.0.0.1:0',
    tokens: file('tokens.yaml'),
    keys: [{ id: KEY, public: file('key.pub.pem') }],
    sign: { key: KEY, secret: { file: file('key.pem') } },
    oidc: [],
  };
  const furnished = { ...config, gateway };
  return { config: furnished, token, trusts: statementKeys(furnished) };
}

/** Once the store is there. It ends before what it stands on. */
export async function openGateway(
  { config, token }: Furnished,
  env: NodeJS.ProcessEnv,
  life: Life,
): Promise<LocalGateway> {
  const running = await startGateway(config, env);
  life.closer(() => running.stop());
  return { url: running.url, token };
}
