// Temporal's own server for a test, on SQLite, with an authorizer that takes JSON Web Tokens and passes on
// whose they are. Where it comes from: test/principals/install.sh.

import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { stringify } from 'yaml';
import { register } from '../../deploy/register.js';
import { startChild } from '../../runtime/embedded/child.js';
import { freePort, LOOPBACK } from '../../runtime/embedded/ports.js';

const PLACE =
  process.env.HANDOVER_TEMPORAL_SERVER ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'handover/temporal-server-1.32.1');

const PROGRAM = join(PLACE, 'server');
/** Why these tests are left out, in a sentence; null = they are not. */
export const noServer = existsSync(PROGRAM)
  ? null
  : `What needs Temporal's own server is left out: ${PROGRAM} is not there. test/principals/install.sh builds it, with Go.`;

const NAMESPACE = 'default';
const SYSTEM = 'temporal-system';

interface Settings {
  /** Are principals passed on? */
  pass: boolean;
  /** From how many events on runs are told to go on in a fresh execution. */
  suggestAt?: number;
}

export interface AuthorizingServer {
  address: string;
  /** The HTTP API of the same frontend. */
  http: string;
  /** @param permissions as the default claim mapper reads them: `namespace:role` */
  token(sub: string, permissions?: string[]): Promise<string>;
  /** What it does from the next moment. */
  set(settings: Settings): Promise<void>;
  stop(): Promise<void>;
}

export async function startAuthorizingServer(): Promise<AuthorizingServer> {
  const dir = await mkdtemp(join(tmpdir(), 'handover-principals-'));
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  const kid = 'a-key-of-a-test';
  const jwks = join(dir, 'jwks.json');
  await writeFile(
    jwks,
    JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' }] }),
  );
  const token = (sub: string, permissions = [`${NAMESPACE}:write`]): Promise<string> =>
    new SignJWT({ permissions })
      .setProtectedHeader({ alg: 'RS256', kid })
      .setSubject(sub)
      .setIssuedAt()
      .setExpirationTime('2h')
      .sign(privateKey);
  const dynamic = join(dir, 'dynamic.yaml');
  const set = async (settings: Settings): Promise<void> => {
    await writeFile(dynamic, stringify(dynamicOf(settings)));
    // Longer than it takes the server to look at its file again.
    await new Promise(resolve => setTimeout(resolve, 7_000));
  };
  await writeFile(dynamic, stringify(dynamicOf({ pass: true })));
  const ports = await Promise.all(
    Array.from({ length: 12 }, () => freePort(undefined, 'Temporal', () => {})),
  );
  const config = join(dir, 'server.yaml');
  await writeFile(config, stringify(configOf(ports, dir, `file://${jwks}`, dynamic)));
  const child = await startChild({
    name: "Temporal's server",
    command: PROGRAM,
    args: [
      '--config-file',
      config,
      'start',
      ...['frontend', 'internal-frontend', 'history', 'matching', 'worker'].flatMap(name => [
        '--service',
        name,
      ]),
    ],
    cwd: dir,
    env: { PATH: process.env.PATH, HOME: dir },
    logFile: join(dir, 'server.log'),
    stop: [{ signal: 'SIGTERM', graceMs: 10_000 }],
  });
  const address = `${LOOPBACK}:${ports[0]}`;
  const stop = async (): Promise<void> => {
    await child.stop();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await Promise.race([
      register({
        address,
        namespace: NAMESPACE,
        installation: 'handover',
        taskQueue: 'handover',
        retentionDays: 1,
        store: null,
        say: () => {},
        env: asSomebody(await token('an-administrator', [`${SYSTEM}:admin`, `${NAMESPACE}:admin`])),
      }),
      child.exited.then(({ sentence }) => Promise.reject(new Error(sentence))),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, http: `http://${LOOPBACK}:${ports[2]}`, token, set, stop };
}

/** How a process of ours shows this token. */
export function asSomebody(token: string): Record<string, string> {
  return { TEMPORAL_API_KEY: token, TEMPORAL_TLS: 'false' };
}

const dynamicOf = ({ pass, suggestAt }: Settings): object => ({
  'frontend.enablePrincipalPropagation': [{ value: pass, constraints: { namespace: NAMESPACE } }],
  ...(suggestAt && { 'limit.historyCount.suggestContinueAsNew': [{ value: suggestAt }] }),
});

function configOf(ports: readonly number[], dir: string, jwks: string, dynamic: string): object {
  const [frontend, frontendRing, http, inner, innerRing, history, historyRing, matching, matchingRing] =
    ports;
  const [worker, workerRing, innerHttp] = ports.slice(9);
  const rpc = (grpcPort: number, membershipPort: number, httpPort?: number): object => ({
    rpc: { grpcPort, membershipPort, bindOnLocalHost: true, ...(httpPort && { httpPort }) },
  });
  const sqlite = {
    sql: {
      pluginName: 'sqlite',
      databaseName: join(dir, 'temporal.sqlite'),
      connectAddr: 'localhost',
      connectProtocol: 'tcp',
      connectAttributes: { cache: 'private', setup: true, journal_mode: 'wal', synchronous: 0 },
      maxConns: 1,
      maxIdleConns: 1,
      maxConnLifetime: '1h',
    },
  };
  return {
    log: { stdout: true, level: 'warn' },
    persistence: {
      defaultStore: 'sqlite',
      visibilityStore: 'sqlite',
      numHistoryShards: 1,
      datastores: { sqlite },
    },
    global: {
      membership: { maxJoinDuration: '30s', broadcastAddress: LOOPBACK },
      authorization: {
        jwtKeyProvider: { keySourceURIs: [jwks], refreshInterval: '1h' },
        permissionsClaimName: 'permissions',
        authorizer: 'default',
        claimMapper: 'default',
      },
    },
    services: {
      frontend: rpc(frontend!, frontendRing!, http!),
      'internal-frontend': rpc(inner!, innerRing!, innerHttp!),
      history: rpc(history!, historyRing!),
      matching: rpc(matching!, matchingRing!),
      worker: rpc(worker!, workerRing!),
    },
    clusterMetadata: {
      enableGlobalNamespace: false,
      failoverVersionIncrement: 10,
      masterClusterName: 'active',
      currentClusterName: 'active',
      clusterInformation: {
        active: {
          enabled: true,
          initialFailoverVersion: 1,
          rpcName: 'frontend',
          rpcAddress: `localhost:${frontend}`,
        },
      },
    },
    dcRedirectionPolicy: { policy: 'noop' },
    dynamicConfigClient: { filepath: dynamic, pollInterval: '5s' },
  };
}
