/** A statement proves the one message that it was made for, and nothing that differs from it in anything. */
import { importPKCS8, SignJWT } from 'jose';
import { expect, test } from 'vitest';
import type { Deps } from '../../activities/deps.js';
import { type Proof, prove } from '../../activities/prove.js';
import {
  CLOCK_SKEW_S,
  contentOf,
  type Letter,
  misfit,
  STATEMENT_TYPE,
  unsealed,
  VALID_FOR_S,
} from '../../domain/statement.js';
import { newKey, sealWith } from '../../gateway/sign.js';

const keys = { new: await newKey(), old: await newKey(), stranger: await newKey() };
const BODY = { by: 'id:21', plan: 'ab'.repeat(32), note: 'as agreed' };
const RUN = '11111111-2222-4333-8444-555555555555';
const now = Math.floor(Date.now() / 1000);
const RETIRED = now - 600;

/** The message as it should be, with whatever is given changed. */
const claims = (more: object = {}) => ({
  aud: 'small',
  sub: 'id:21',
  jti: 'a name of eighteen',
  iat: now,
  exp: now + VALID_FOR_S,
  run: RUN as string | null,
  message: 'approve',
  ...contentOf(BODY),
  how: 'a bearer token ("laptop")',
  ...more,
});
const sign = async (
  given: object,
  {
    kid = 'new',
    pem = keys.new.secret,
    typ = STATEMENT_TYPE,
  }: { kid?: string; pem?: string; typ?: string } = {},
): Promise<string> =>
  new SignJWT({ ...given })
    .setProtectedHeader({ alg: 'EdDSA', kid, typ })
    .sign(await importPKCS8(pem, 'EdDSA'));
const letter = (statement: string, more: Partial<Letter> = {}, body: object = BODY): Letter => ({
  name: 'approve',
  run: RUN,
  by: 'id:21',
  use: 'run 1, update 1',
  seal: { statement, ...contentOf(body) },
  ...more,
});

/** Workers that believe two keys, one of which is retired; what was used they remember. */
function asked(sent: Letter, used: Map<string, string> = new Map()): Promise<Proof> {
  const deps = {
    ids: { installation: 'small' },
    rules: async () => ({
      statements: [
        { id: 'new', pem: keys.new.public, until: null },
        { id: 'old', pem: keys.old.public, until: new Date(RETIRED * 1000).toISOString() },
      ],
      policy: { decisions: 'verified' },
    }),
    store: {
      statements: {
        async use(jti: string, use: string) {
          if (!used.has(jti)) used.set(jti, use);
          return used.get(jti) === use;
        },
      },
    },
  };
  return prove(deps as unknown as Deps, sent);
}

test('what the gateway signs is proved, and says by which key and how', async () => {
  const seal = await sealWith({ id: 'new', pem: keys.new.secret }, 'small');
  const sealed = await seal(BODY, { run: RUN, message: 'approve', by: 'id:21', how: 'a login' });
  const { body, statement } = unsealed(sealed);
  expect(body).toEqual(BODY);
  expect(await asked(letter(statement!))).toEqual({
    ok: true,
    identity: { kind: 'verified', by: 'the gateway (key new), through a login' },
  });
});

test('what a key signed before it was retired is proved', async () => {
  const before = claims({ iat: RETIRED - 60, exp: now + 900 });
  const statement = await sign(before, { kid: 'old', pem: keys.old.secret });
  expect(await asked(letter(statement))).toMatchObject({ ok: true });
});

const other = 'cd'.repeat(32);
test.each<[string, string | Promise<string>, RegExp, Partial<Letter>?, object?]>([
  ['no token', 'nothing', /is no signed token/],
  ['nothing at all', '', /is no signed token/],
  ['signed by a stranger', sign(claims(), { pem: keys.stranger.secret }), /not signed with the key "new"/],
  [
    'of a key that nobody knows',
    sign(claims(), { kid: 'none' }),
    /names a key that is not configured \(known: new, old\)/,
  ],
  [
    'of a key that was retired',
    sign(claims(), { kid: 'old', pem: keys.old.secret }),
    /after its key "old" was retired/,
  ],
  ['another kind of token', sign(claims(), { typ: 'JWT' }), /is another kind of token/],
  ['without its name', sign(claims({ jti: undefined })), /does not say what one must say/],
  [
    'of another installation',
    sign(claims({ aud: 'other' })),
    /is for the installation "other", and this one is "small"/,
  ],
  ['about another run', sign(claims({ run: RUN.replace('1', '2') })), /is about another offboarding/],
  ['about a request', sign(claims({ run: null })), /is about a request, and this is a decision/],
  ['about a decision, for a request', sign(claims()), /is about a decision of a run/, { run: null }],
  ['about another decision', sign(claims({ message: 'reject' })), /is about "reject", and this is "approve"/],
  [
    'sent as another decision',
    sign(claims()),
    /is about "approve", and this is "cancel"/,
    { name: 'cancel' },
  ],
  [
    'of somebody else',
    sign(claims({ sub: 'id:22' })),
    /was made for "id:22", and it says it is from "id:21"/,
  ],
  ['about another plan', sign(claims({ plan: other })), /is about another plan/],
  ['with a plan that was changed', sign(claims()), /is about another plan/, {}, { ...BODY, plan: other }],
  ['with a note that was changed', sign(claims()), /was changed after/, {}, { ...BODY, note: 'no' }],
  ['with more than was signed', sign(claims()), /was changed after/, {}, { ...BODY, step: 'crm/deals' }],
  ['good for too long', sign(claims({ exp: now + VALID_FOR_S + 1 })), /valid for longer than any may be/],
  ['from the future', sign(claims({ iat: now + 600 })), /made in the future/],
  ['over', sign(claims({ iat: now - 900, exp: now - CLOCK_SKEW_S - 5 })), /no longer valid/],
])('%s proves nothing', async (_what, statement, says, more, body) => {
  const used = new Map<string, string>();
  const proof = await asked(letter(await statement, more, body), used);
  expect(proof).toMatchObject({ ok: false, sentence: expect.stringMatching(says) });
  // It is not used up: whoever had it for something else may still send it there.
  expect([...used]).toEqual([]);
});

test('what is over proves nothing, whoever else looked at its time', () => {
  const { content, plan } = contentOf(BODY);
  const sent = { installation: 'small', run: RUN, message: 'approve', by: 'id:21', plan, content };
  expect(misfit(claims(), sent, now)).toBeNull();
  expect(misfit(claims(), sent, now + VALID_FOR_S + 120)).toMatch(/^its statement was valid until 2/);
});

test('clocks that differ by less than a minute do no harm', async () => {
  for (const more of [
    { iat: now + 45, exp: now + 900 },
    { iat: now - 900, exp: now - 30 },
  ])
    expect(await asked(letter(await sign(claims(more))))).toMatchObject({ ok: true });
});

test('it counts once, and for the message that used it as often as that is looked at', async () => {
  const used = new Map<string, string>();
  const statement = await sign(claims());
  expect(await asked(letter(statement), used)).toMatchObject({ ok: true });
  expect(await asked(letter(statement), used)).toMatchObject({ ok: true });
  expect(await asked(letter(statement, { use: 'run 1, update 2' }), used)).toMatchObject({
    sentence: expect.stringContaining('was used already'),
  });
});

test('a statement that is none is no reason to take the message as claimed', () => {
  for (const given of [7, null, {}, 'x'.repeat(5_000)])
    expect(unsealed({ ...BODY, statement: given }).statement).toBe('');
  expect(unsealed(BODY)).toEqual({ body: BODY, statement: undefined });
});
