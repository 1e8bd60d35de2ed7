/** A real gateway in front of the small world: keys, tokens for its people, and calls by their name. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { newKey, sealWith } from '../../gateway/sign.js';
import { type RunningGateway, startGateway } from '../../gateway/start.js';
import { newToken } from '../../gateway/tokens.js';
import type { Config } from '../../runtime/config.js';
import type { Status } from '../../workflows/messages.js';
import type { Who } from '../small-world/cast.js';
import { mail, planned, type Started } from '../small-world/drive.js';
import type { SmallWorld } from '../small-world/world.js';

export interface Front {
  gateway: RunningGateway;
  folder: string;
  keys: Record<string, { public: string; secret: string }>;
  call(
    who: Who | null,
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: Record<string, unknown> & { error?: string } }>;
  /** Olivia asks for Alice's offboarding, and it is planned: all of it proved. */
  begin(): Promise<Started & { status: Status }>;
  /** Olivia acknowledges what must be. */
  acknowledge(run: Started): Promise<void>;
  /** Their bearer token. */
  tokenOf(who: Who): string;
  sealed(key: string): ReturnType<typeof sealWith>;
}

const folder = mkdtempSync(join(tmpdir(), 'handover-gateway-'));
const tokens = join(folder, 'tokens.yaml');
const keys: Front['keys'] = { new: await newKey(), old: await newKey(), stranger: await newKey() };
for (const [id, pair] of Object.entries(keys)) {
  writeFileSync(join(folder, `${id}.pub.pem`), pair.public);
  writeFileSync(join(folder, `${id}.pem`), pair.secret);
}
writeFileSync(tokens, 'tokens: []\n');

/** For `useSmallWorld({ change })`: keys in use and retired, a file of tokens, and decisions that must be proved. */
export function withGateway(more: (config: Config) => void = () => {}): (config: Config) => void {
  return config => {
    config.policy = { ...config.policy, decisions: 'verified' };
    config.gateway = {
      listen: '127.0.0.1:0',
      keys: [
        { id: 'new', public: join(folder, 'new.pub.pem') },
        { id: 'old', public: join(folder, 'old.pub.pem'), until: '2026-01-01T00:00:00Z' },
      ],
      sign: { key: 'new', secret: { file: join(folder, 'new.pem') } },
      tokens,
      oidc: [],
    };
    more(config);
  };
}

/** @param env what the gateway alone is given besides */
export function useGateway(
  small: SmallWorld,
  env: Record<string, string> = {},
  options: Parameters<typeof startGateway>[2] = {},
): Front {
  const front = { folder, keys } as Front;
  const given: Record<string, string> = {};
  beforeAll(async () => {
    front.gateway = await startGateway(small.world.config, { ...small.world.env, ...env }, options);
  });
  beforeEach(() => {
    const lines = Object.values(small.cast).map(({ who, id }) => {
      const { token, sha256 } = newToken();
      given[who] = token;
      return `  - { name: ${who}, sha256: ${sha256}, person: "id:${id}" }`;
    });
    writeFileSync(tokens, `tokens:\n${lines.join('\n')}\n`);
  });
  afterAll(() => front.gateway?.stop());
  front.begin = async () => {
    const { status, body } = await front.call('olivia', 'POST', '/offboardings', {
      user: mail(small, 'alice'),
      successor: 'manager',
    });
    expect(status, JSON.stringify(body)).toBe(201);
    const run = { run: body.workflowId as string, offboardingId: body.offboardingId as string };
    small.started.add(run.run);
    return { ...run, status: await planned(small, run) };
  };
  front.acknowledge = async ({ run }) => {
    const path = `/offboardings/${encodeURIComponent(run)}`;
    const { status } = (await front.call('oscar', 'GET', path)).body as unknown as { status: Status };
    const category = status.next.find(one => one.message === 'acknowledge')?.json.category;
    if (!category) return;
    const answer = await front.call('olivia', 'POST', `${path}/decisions/acknowledge`, { category });
    expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 200 });
  };
  front.tokenOf = who => given[who]!;
  front.sealed = key => sealWith({ id: key, pem: keys[key]!.secret }, small.world.config.installation);
  front.call = async (who, method, path, body, headers = {}) => {
    const answer = await fetch(`${front.gateway.url}${path}`, {
      method,
      headers: {
        ...(who && { authorization: `Bearer ${given[who]}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.startsWith('application/json');
    return { status: answer.status, body: isJson ? JSON.parse(text) : { text } };
  };
  return front;
}
