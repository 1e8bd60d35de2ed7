// A Keycloak of one's own for a test, in memory: a realm for the gateway, people with a password, and the
// administrator who disables them. Where it comes from: test/keycloak/install.sh.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../../runtime/embedded/child.js';
import { freePort, LOOPBACK } from '../../runtime/embedded/ports.js';

const PLACE = process.env.HANDOVER_KEYCLOAK ?? '/opt/handover-keycloak';
const ADMIN = { username: 'admin', password: 'a-password-of-a-test' };

export const CLIENT = 'handover-cli';
export const INTROSPECTION = { client: 'handover-gateway', secret: 'a-secret-of-a-test' };
/** It calls a token good only to a client that the token is for. */
export const AUDIENCE = INTROSPECTION.client;
export const PASSWORD = 'a-password-of-a-person';

export interface Keycloak {
  issuer: string;
  /** Makes the realm; logout tokens go to that gateway. */
  realm(gateway: string, people: readonly { login: string; email: string }[]): Promise<void>;
  setEnabled(login: string, enabled: boolean): Promise<void>;
  /** Ends all their sessions, as an administrator does. */
  logOut(login: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startKeycloak(): Promise<Keycloak> {
  const dir = await mkdtemp(join(tmpdir(), 'handover-keycloak-'));
  const port = await freePort(undefined, 'Keycloak', () => {});
  const management = await freePort(undefined, 'Keycloak', () => {});
  const base = `http://${LOOPBACK}:${port}`;
  const child = await startChild({
    name: 'Keycloak',
    command: join(PLACE, 'bin/kc.sh'),
    args: [
      'start',
      '--optimized',
      '--http-enabled=true',
      '--hostname-strict=false',
      `--http-host=${LOOPBACK}`,
      `--http-port=${port}`,
      `--http-management-port=${management}`,
    ],
    cwd: dir,
    env: {
      PATH: process.env.PATH,
      HOME: dir,
      JAVA_OPTS_APPEND: '-Xmx512m',
      KC_BOOTSTRAP_ADMIN_USERNAME: ADMIN.username,
      KC_BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
    },
    logFile: join(dir, 'keycloak.log'),
    stop: [{ signal: 'SIGTERM', graceMs: 10_000 }],
  }).catch(error => {
    throw new Error(
      `Keycloak is not on this machine (${(error as Error).message}): run test/keycloak/install.sh.`,
    );
  });
  const stop = async (): Promise<void> => {
    await child.stop();
    await rm(dir, { recursive: true, force: true });
  };
  await until(() => fetch(`${base}/realms/master`).then(answer => answer.ok), child.exited);

  const admin = async (method: string, path: string, body?: object): Promise<Response> => {
    const login = await fetch(`${base}/realms/master/protocol/openid-connect/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', ...ADMIN }),
    });
    const { access_token: token } = (await login.json()) as { access_token: string };
    const answer = await fetch(`${base}/admin/realms${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  };
  const idOf = async (login: string): Promise<string> => {
    const found = await (await admin('GET', `/acme/users?exact=true&username=${login}`)).json();
    return (found as { id: string }[])[0]!.id;
  };
  return {
    issuer: `${base}/realms/acme`,
    stop,
    async realm(gateway, people) {
      await admin('POST', '', realmOf(gateway, people));
    },
    async setEnabled(login, enabled) {
      await admin('PUT', `/acme/users/${await idOf(login)}`, { enabled });
    },
    async logOut(login) {
      await admin('POST', `/acme/users/${await idOf(login)}/logout`);
    },
  };
}

const realmOf = (gateway: string, people: readonly { login: string; email: string }[]): object => ({
  realm: 'acme',
  enabled: true,
  sslRequired: 'none',
  clients: [
    {
      clientId: CLIENT,
      publicClient: true,
      standardFlowEnabled: false,
      attributes: {
        'oauth2.device.authorization.grant.enabled': 'true',
        'backchannel.logout.url': `${gateway}/logout`,
        'backchannel.logout.session.required': 'true',
      },
      protocolMappers: [
        {
          name: 'audience',
          protocol: 'openid-connect',
          protocolMapper: 'oidc-audience-mapper',
          config: { 'included.client.audience': AUDIENCE, 'access.token.claim': 'true' },
        },
      ],
    },
    {
      clientId: INTROSPECTION.client,
      secret: INTROSPECTION.secret,
      serviceAccountsEnabled: true,
      standardFlowEnabled: false,
    },
  ],
  users: people.map(({ login, email }) => ({
    username: login,
    email,
    enabled: true,
    emailVerified: true,
    firstName: login,
    lastName: 'Test',
    credentials: [{ type: 'password', value: PASSWORD }],
  })),
});

async function until(ready: () => Promise<boolean>, exited: Promise<{ sentence: string }>): Promise<void> {
  let gone = '';
  void exited.then(({ sentence }) => {
    gone = sentence;
  });
  for (const end = Date.now() + 180_000; Date.now() < end; ) {
    if (gone) throw new Error(gone);
    if (await ready().catch(() => false)) return;
    await new Promise(resolve => setTimeout(resolve, 500));
  }
  throw new Error('Keycloak did not answer in time.');
}
