/**
 * A gateway beside the worker of `dev` and `demo`: with the configuration's own settings, or with a key and a
 * token made for this machine where it has none.
 */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newKey } from '../../gateway/sign.js';
import { startGateway } from '../../gateway/start.js';
import { newToken } from '../../gateway/tokens.js';
import type { Config } from '../../runtime/config.js';
import type { Logger } from '../../runtime/log.js';
import type { Life } from './lifetime.js';

export interface LocalGateway {
  /** Where it listens, e.g. http://127.0.0.1:43001. */
  url: string;
  /** A token that sees and starts offboardings, shown once; null where the configuration says who may come. */
  token: string | null;
}

const KEY = 'local';

/**
 * Before the worker starts, which is to believe what is signed with this key: gives a configuration without a
 * gateway one of its own, with its files in the state directory. The key stays from start to start, since
 * what it signed may still lie unread; the token is a new one each time. Null = there is one already.
 *
 * What the policy says about decisions stays as it is, so that the command line and the Temporal UI decide here
 * as before.
 */
export async function furnish(config: Config, stateDir: string): Promise<string | null> {
  if (config.gateway) return null;
  const folder = join(stateDir, 'gateway');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = (name: string): string => join(folder, name);
  if (!existsSync(file('key.pem')) || !existsSync(file('key.pub.pem'))) {
    const pair = await newKey();
    await writeFile(file('key.pub.pem'), pair.public);
    await writeFile(file('key.pem'), pair.secret, { mode: 0o600 });
  }
  const { token, sha256 } = newToken();
  const tokens = [{ name: 'this machine', sha256, roles: ['viewer', 'operator'] }];
  await writeFile(file('tokens.yaml'), JSON.stringify({ tokens }), { mode: 0o600 });
  config.gateway = {
    // Any free port: several of these may run beside each other.
    listen: '127.0.0.1:0',
    tokens: file('tokens.yaml'),
    keys: [{ id: KEY, public: file('key.pub.pem') }],
    sign: { key: KEY, secret: { file: file('key.pem') } },
    oidc: [],
  };
  return token;
}

/** Once the store is there. It ends before what it stands on. */
export async function openGateway(
  config: Config,
  env: NodeJS.ProcessEnv,
  token: string | null,
  life: Life,
  logger?: Logger,
): Promise<LocalGateway> {
  const running = await startGateway(config, env, { ...(logger && { logger }) });
  life.closer(() => running.stop());
  return { url: running.url, token };
}
