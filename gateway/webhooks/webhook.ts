/** The file of webhooks: which tools may send, how their signature is checked, and what their bodies mean. */
import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { mistakesOf } from '../../domain/mistake.js';
import { droppedKey } from '../../domain/own.js';
import { type Config, secretOf, source } from '../../runtime/config.js';
import { type Body, type Mapping, mappingSchema, type Value } from './mapping.js';
import { SCHEMES, type Scheme } from './signatures.js';

const signed = z.union(
  [
    z.strictObject({
      scheme: z.enum(Object.keys(SCHEMES) as [Scheme, ...Scheme[]]),
      /** The first is in use; a second one takes its place, or leaves it. */
      secrets: z
        .array(source)
        .min(1, 'name at least one secret')
        .max(2, 'at most two, while one takes the place of the other'),
    }),
    z.strictObject({
      scheme: z.literal('token'),
      /** Names of tokens in the file of tokens. */
      tokens: z.array(z.string().min(1)).min(1, 'name at least one token'),
    }),
  ],
  {
    error:
      'it is { scheme: standard, slack or hub, secrets: [VARIABLE] } or { scheme: token, tokens: [name] }',
  },
);

const webhook = mappingSchema.extend({ signed }).superRefine((given, context) => {
  const { scheme } = given.signed;
  const issue = (path: PropertyKey[], message: string): void =>
    context.addIssue({ code: 'custom', path, message });
  if (given.delivery === undefined && scheme === 'token')
    issue(['delivery'], 'say what tells two deliveries apart: nothing in the scheme "token" does');
  // Whoever has recorded a signed body could send it again with other headers beside it.
  if (scheme !== 'token')
    for (const path of headersIn(given))
      issue(path, `the scheme "${scheme}" signs no header: name something in the body (at)`);
});

/** Where a value is to stand in a header. */
function headersIn({ delivery, cases }: Mapping): PropertyKey[][] {
  const values: { path: PropertyKey[]; is: Value | undefined }[] = [
    { path: ['delivery'], is: delivery },
    ...cases.flatMap(({ run, by, fields }, n) => [
      { path: ['cases', n, 'run'], is: run },
      { path: ['cases', n, 'by'], is: by },
      ...Object.entries(fields).map(([name, is]) => ({ path: ['cases', n, 'fields', name], is })),
    ]),
  ];
  return values.flatMap(({ path, is }) => (is && 'header' in is ? [path] : []));
}

const webhooksFile = z.strictObject({
  webhooks: z.record(
    z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'a webhook is named with lower-case letters, digits and "-"'),
    webhook,
  ),
});

export interface Webhook {
  name: string;
  mapping: Mapping;
  signed: { scheme: Scheme; secrets: readonly string[] } | { scheme: 'token'; tokens: readonly string[] };
}

/** What a file says, with the places of its mistakes. Throws an Error with one line per mistake. */
export async function readWebhooks(path: string): Promise<z.infer<typeof webhooksFile>['webhooks']> {
  const written = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`The file of webhooks ${path} cannot be read (${error.code}).`);
  });
  const lines = new LineCounter();
  const document = parseDocument(written, { lineCounter: lines });
  if (document.errors.length > 0)
    throw new Error(document.errors.map(error => `${path}: ${error.message}`).join('\n'));
  const given: unknown = document.toJS();
  const dropped = droppedKey(given);
  if (dropped) throw new Error(`${path} ${dropped.join('.')}: no name that anything can have`);
  const read = webhooksFile.safeParse(given);
  if (read.success) return read.data.webhooks;
  const at = (keys: readonly PropertyKey[]): string => {
    for (let depth = keys.length; depth >= 0; depth--) {
      const node = document.getIn(keys.slice(0, depth), true) as
        | { range?: [number, number, number] }
        | undefined;
      if (node?.range) return `${path}:${lines.linePos(node.range[0]).line}`;
    }
    return path;
  };
  const isSecret = (keys: readonly PropertyKey[]): boolean => keys.includes('secrets');
  throw new Error(
    mistakesOf(read.error.issues, given, webhooksFile, isSecret)
      .map(({ path: keys, says }) => `${at(keys)} ${keys.map(String).join('.')}: ${says}`)
      .join('\n'),
  );
}

/** The same with its secrets, ready to take webhooks in. */
export async function openWebhooks(
  path: string,
  config: Config,
  env: NodeJS.ProcessEnv,
): Promise<ReadonlyMap<string, Webhook>> {
  const read = await readWebhooks(path);
  return new Map(
    Object.entries(read).map(([name, { signed: how, ...mapping }]): [string, Webhook] => {
      if (how.scheme === 'token') return [name, { name, mapping, signed: how }];
      const secrets = how.secrets.map(one => secretOf(one, `a secret of the webhook "${name}"`, config, env));
      return [name, { name, mapping, signed: { scheme: how.scheme, secrets } }];
    }),
  );
}

/**
 * A body as its sender means it: JSON; or a form, as Slack sends it, whose field `payload` is JSON. Null where
 * it is neither.
 */
export function bodyOf(raw: Buffer, contentType: string, headers: Body['headers']): Body | null {
  const said = raw.toString('utf8');
  try {
    if (!contentType.startsWith('application/x-www-form-urlencoded'))
      return { json: JSON.parse(said), headers };
    const fields = Object.fromEntries(new URLSearchParams(said));
    return { json: fields.payload === undefined ? fields : JSON.parse(fields.payload), headers };
  } catch {
    return null;
  }
}
