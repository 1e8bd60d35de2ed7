/**
 * Every decision, by everybody who has something to do with a run: through the gateway, by a tool's webhook, and
 * past both, with a statement that the gateway's key signed.
 */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { DECISIONS, type DecisionName } from '../../domain/request.js';
import type { Status } from '../../workflows/messages.js';
import type { Who } from '../small-world/cast.js';
import { ended, mail, planned, type Started } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { useGateway, withGateway } from './front.js';

const SECRET = `whsec_${Buffer.from('a secret of twenty-four b').toString('base64')}`;
const small = useSmallWorld({
  change: withGateway(config => {
    config.gateway = { ...config.gateway!, webhooks: hooksFile() };
  }),
});
const front = useGateway(small);

/** One webhook for each decision. */
function hooksFile(): string {
  const secret = join(front.folder, 'hook-secret');
  writeFileSync(secret, SECRET);
  const may = ['plan', 'category', 'successor', 'step', 'reason'];
  const fields = Object.fromEntries(may.map(name => [name, { at: `/${name}`, optional: true }]));
  const webhooks = DECISIONS.map(decide => [
    `tool-${decide}`,
    {
      signed: { scheme: 'standard', secrets: [{ file: secret }] },
      cases: [{ decide, run: { at: '/run' }, by: { at: '/by' }, fields }],
    },
  ]);
  const file = join(front.folder, 'every-decision.yaml');
  writeFileSync(file, JSON.stringify({ webhooks: Object.fromEntries(webhooks) }));
  return file;
}

type Run = Started & { status: Status };

/** Each is well-formed, and would count where it fits. */
const bodyOf = (name: DecisionName, { status }: Run): Record<string, unknown> => {
  const bodies: Partial<Record<DecisionName, Record<string, unknown>>> = {
    approve: { plan: status.plan!.digest },
    reject: { plan: status.plan!.digest },
    execute: { plan: status.plan!.digest },
    acknowledge: { category: status.next.find(one => one.message === 'acknowledge')!.json.category },
    amend: { successor: mail(small, 'carol') },
    skip: { step: 'crm/accounts', reason: 'they may stay' },
    finish: { reason: 'it ends here' },
  };
  return bodies[name] ?? {};
};

type Said = { accepted: boolean; says: string };
const WAYS: Record<string, (run: Run, who: Who, name: DecisionName) => Promise<Said>> = {
  async gateway(run, who, name) {
    const path = `/offboardings/${encodeURIComponent(run.run)}/decisions/${name}`;
    const { status, body } = await front.call(who, 'POST', path, bodyOf(name, run));
    return { accepted: status < 300, says: JSON.stringify(body) };
  },
  async webhook(run, who, name) {
    const body = JSON.stringify({ run: run.run, by: `id:${small.cast[who].id}`, ...bodyOf(name, run) });
    const [id, at] = [`msg_${randomUUID()}`, new Date()];
    const answer = await fetch(`${front.gateway.url}/webhooks/tool-${name}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': new Webhook(SECRET).sign(id, at, body),
      },
      body,
    });
    return { accepted: answer.status < 300, says: await answer.text() };
  },
  async statement(run, who, name) {
    const by = `id:${small.cast[who].id}`;
    const about = { run: run.offboardingId, message: name, by, how: 'a test' };
    const sealed = await (await front.sealed('new'))({ ...bodyOf(name, run), by }, about);
    const { verdict, sentence } = await small.world.offboardings.decide(run.run, name, sealed);
    return { accepted: verdict === 'accepted', says: sentence };
  },
};

const PEOPLE = ['alice', 'alias', 'ines', 'bob', 'dora', 'olivia', 'oscar', 'priya', 'daniel'] as const;
const APPROVING: readonly string[] = ['approve', 'reject'];

/** Why it is not theirs to decide, in any of the ways; null = it is, where it fits. */
function objection(who: (typeof PEOPLE)[number], name: DecisionName): RegExp | null {
  switch (who) {
    // The leaver, and a second account of theirs that is an operator and an approver.
    case 'alice':
    case 'alias':
      return /not shown to you|own offboarding|is being offboarded|has no role here/;
    case 'ines':
      return /is not active in the directory/;
    // Colleagues without a role.
    case 'bob':
    case 'dora':
      return APPROVING.includes(name) ? /is for approver/ : /is for operator/;
    // She asked for it, and is an approver as well.
    case 'olivia':
      return name === 'approve' ? /asked for/ : null;
    case 'oscar':
      return APPROVING.includes(name) ? /is for approver/ : null;
    // An approver; and one who takes everything over.
    case 'priya':
    case 'daniel':
      return APPROVING.includes(name) ? null : /is for operator/;
  }
}

test('every decision by everybody, in every way: only those whose it is are not refused', async () => {
  await small.db.crm.query('update people set reviews = true where id = $1', [small.cast.olivia.id]);
  const request = { user: mail(small, 'alice'), successor: mail(small, 'daniel') };
  const { body, status: code } = await front.call('olivia', 'POST', '/offboardings', request);
  expect(code, JSON.stringify(body)).toBe(201);
  const started = { run: body.workflowId as string, offboardingId: body.offboardingId as string };
  small.started.add(started.run);
  const run = { ...started, status: await planned(small, started) };
  const wrong: string[] = [];
  for (const [way, send] of Object.entries(WAYS))
    for (const who of PEOPLE)
      for (const name of DECISIONS) {
        const why = objection(who, name);
        if (!why) continue;
        const { accepted, says } = await send(run, who, name);
        if (accepted || !why.test(says)) wrong.push(`${who} ${name}, by ${way}: ${says}`);
      }
  expect(wrong).toEqual([]);
  const after = await small.world.offboardings.status(run.run);
  expect(after).toMatchObject({ state: 'awaiting-approval', approvals: [], amendedBy: [] });
  expect(after.plan!.digest).toBe(run.status.plan!.digest);

  // And those whose it is: each counts.
  const { gateway, webhook, statement } = WAYS;
  for (const [send, who, name, says] of [
    [gateway, 'oscar', 'acknowledge', /./],
    [webhook, 'oscar', 'pause', /./],
    [statement, 'olivia', 'resume', /./],
    [gateway, 'daniel', 'approve', /1 of 2|one more|somebody else/],
    [statement, 'oscar', 'cancel', /./],
  ] as const) {
    const said = await send!(run, who, name);
    expect(said, `${who} ${name}`).toMatchObject({ accepted: true, says: expect.stringMatching(says) });
  }
  expect(await ended(small, run)).toMatchObject({ outcome: 'cancelled' });
}, 120_000);
