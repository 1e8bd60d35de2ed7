/**
 * One file, `handover.yaml`, says it all: systems and their catalogs, which one is the directory, the store,
 * standing successor rules, policy and roles. Connections and secrets are named here and come from the
 * environment.
 */
import { createPublicKey } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { Bundle } from '../domain/bundle.js';
import { DEFAULT_INSTALLATION, wrongInstallation } from '../domain/ids.js';
import { mistakesOf } from '../domain/mistake.js';
import { droppedKey, own } from '../domain/own.js';
import { policySchema } from '../domain/policy.js';
import { standingRuleSchema } from '../domain/rules.js';
import type { StatementKey } from '../domain/statement.js';
import { NOT_UTF8, objectionTo, textOf } from '../domain/written.js';
import { profileOf } from './profile.js';

/** The name of an environment variable that holds a connection URL. */
const variable = z
  .string()
  .regex(/^[A-Z][A-Z0-9_]*$/, 'name an environment variable, e.g. CRM_URL; the URL itself never stands here');
/**
 * Where a part of a connection stands: in an environment variable, or in a file (as secrets are mounted in
 * containers).
 */
const SOURCE =
  'name an environment variable, e.g. CRM_TOKEN, or { file: path }; the value itself never stands here';
export const source = z.union(
  [z.string().regex(/^[A-Z][A-Z0-9_]*$/, SOURCE), z.strictObject({ file: z.string().min(1, 'name a file') })],
  { error: SOURCE },
);
const isPartOfConnection = (path: readonly PropertyKey[]): boolean =>
  path[0] === 'systems' && path[2] === 'connect';
/**
 * `connection: CRM_URL` where one URL says it all, `connect:` where a kind of system asks for several things,
 * an address and a token.
 */
const system = z
  .strictObject({
    catalog: z.string(),
    connection: variable.optional(),
    connect: z
      .record(z.string(), source)
      .refine(parts => Object.keys(parts).length > 0, 'name at least one thing, e.g. url')
      .optional(),
  })
  .superRefine(({ connection, connect }, context) => {
    if ((connection === undefined) === (connect === undefined))
      context.addIssue({
        code: 'custom',
        path: ['connection'],
        message:
          connection === undefined
            ? 'name the environment variable that holds its URL, or the parts of its connection under connect'
            : 'say either connection or connect',
      });
  });
const systemName = z
  .string()
  .regex(
    /^[a-z][a-z0-9_]*$/,
    'a system is named with lower-case letters, digits and _, starting with a letter, as its catalog is',
  );
/** People by e-mail, or `directory`: whoever the directory's catalog gives the role. */
const people = z.union([z.literal('directory'), z.array(z.string()).min(1, 'name at least one person')], {
  error: 'it is "directory", or a list of e-mail addresses',
});

const installation = z
  .string('name this installation, e.g. handover-eu')
  .superRefine((name, context) => {
    const message = wrongInstallation(name);
    if (message) context.addIssue({ code: 'custom', message });
  })
  .default(DEFAULT_INSTALLATION);

const keyId = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/,
    'a key is named with letters, digits, ".", "_" and "-", e.g. 2026-11',
  );
const file = z.string().min(1, 'name a file, relative to this one');
/** Where the gateway listens, who may come, and whose statements workers believe. */
const gateway = z
  .strictObject({
    /** host:port. Behind a proxy that ends TLS: it speaks plain HTTP. */
    listen: z
      .string()
      .regex(/^\S+:\d{1,5}$/, 'name a host and a port, e.g. 127.0.0.1:8642')
      .default('127.0.0.1:8642'),
    /** What people and tools reach it as. Under `decisions: verified` the command line decides there. */
    address: z.url('give the address that callers use, e.g. https://handover.example.com').optional(),
    /** Public halves: workers believe what was signed with one of them. A retired key has an end. */
    keys: z
      .array(
        z.strictObject({
          id: keyId,
          public: file,
          until: z.iso
            .datetime({ offset: true, error: 'write a moment, e.g. 2027-01-31T00:00:00Z' })
            .optional(),
        }),
      )
      .min(1, 'name at least one key; "handover gateway --new-key <id>" makes one'),
    /** Which of them signs, and where its secret half stands. Only the gateway needs it. */
    sign: z.strictObject({ key: keyId, secret: source }).optional(),
    /** Bearer tokens, by their digests. */
    tokens: file.optional(),
    /** How bodies of webhooks become starts and decisions. */
    webhooks: file.optional(),
    /** Issuers whose tokens are taken: people are who the claim `person` says. */
    oidc: z
      .array(
        z.strictObject({
          issuer: z.url('give the issuer as its tokens name it, e.g. https://login.example.com/realms/acme'),
          audience: z.string().min(1, 'say for whom its tokens must be made'),
          /** Default: what the issuer itself publishes. */
          jwks: z.url().optional(),
          /** The claim that names the person as the directory knows them. */
          person: z.string().min(1).default('email'),
          /** What that claim holds. Default: an e-mail where it is called so, else a login. */
          names: z.enum(['email', 'login', 'id']).optional(),
          /**
           * An e-mail counts where the token says `email_verified: true`. `assumed`: where it says nothing of it
           * as well, since nobody there chooses an address.
           */
          emailVerified: z.enum(['claimed', 'assumed']).optional(),
          /** Where the claim with roles lies, with dots: realm_access.roles. Without it the directory says. */
          roles: z.string().min(1).optional(),
          /** Value of that claim → role here. */
          grant: z
            .record(z.string(), z.enum(['viewer', 'operator', 'approver', 'administrator']))
            .default({}),
          /** How the command line logs people in there: the device authorization grant, RFC 8628. */
          login: z
            .strictObject({
              /** Which the issuer knows the command line as: a public client, without a secret. */
              client: z.string().min(1, 'name the client that the issuer knows the command line as'),
              scope: z.string().min(1).default('openid offline_access'),
              /** RFC 8707, where the issuer makes tokens for the audience only when it is asked to. */
              resource: z.string().min(1).optional(),
            })
            .optional(),
          /**
           * Asked before a decision counts whether its token is still good: with the token itself, or by a client
           * that may ask (RFC 7662).
           */
          recheck: z
            .union([z.literal('userinfo'), z.strictObject({ client: z.string().min(1), secret: source })], {
              error: 'it is "userinfo", or the "client" and the "secret" that may introspect tokens',
            })
            .optional(),
        }),
      )
      .default([]),
  })
  .superRefine(({ keys, sign }, context) => {
    const ids = keys.map(key => key.id);
    const twice = ids.find((id, n) => ids.indexOf(id) !== n);
    if (twice)
      context.addIssue({ code: 'custom', path: ['keys'], message: `two keys are called "${twice}"` });
    const signing = sign && keys.find(key => key.id === sign.key);
    if (sign && !signing)
      context.addIssue({
        code: 'custom',
        path: ['sign', 'key'],
        message: `no key is called "${sign.key}"; known are ${ids.join(', ')}`,
      });
    if (signing?.until)
      context.addIssue({
        code: 'custom',
        path: ['sign', 'key'],
        message: `the key "${sign!.key}" is retired (until ${signing.until}): sign with another one`,
      });
  });

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    // That is how it says that there is none.
    return false;
  }
}

const configSchema = z.strictObject({
  version: z.literal(1),
  /** Two installations in one namespace never see each other: ids begin with the name. */
  installation,
  /** Where a date is that does not say it: its end is the end of that day there. */
  zone: z.string().refine(isTimeZone, { error: 'a time zone is written like Europe/Berlin' }).default('UTC'),
  directory: z.string(),
  systems: z.record(systemName, system),
  store: z.strictObject({
    /** What workers and commands use: it adds to the evidence, and takes nothing away. */
    connection: variable,
    /** Who owns the tables: migrates and purges. Set only where that is done; unset, nobody here is the owner. */
    owner: variable.default('HANDOVER_STORE_OWNER_URL'),
  }),
  /** How many connections a worker opens at most: to all systems together, and to the store. */
  connections: z
    .strictObject({
      systems: z.int().min(1).max(1_000).default(40),
      store: z.int().min(1).max(100).default(6),
    })
    .prefault({}),
  temporal: z
    .strictObject({
      address: z.string().default('127.0.0.1:7233'),
      namespace: z.string().default('default'),
      /** A profile of Temporal's own configuration file, which says all of that and how we are let in. */
      profile: z.string().min(1).optional(),
      /** Default: the installation's name. */
      taskQueue: z.string().optional(),
      /** Where people open the Temporal UI. */
      ui: z.string().optional(),
      /** The server passes on whom it let in (docs/approval-tools.md): that proves who sent a signal. */
      principals: z
        .strictObject({
          /** What the name of a principal is in the directory. */
          person: z.enum(['id', 'email', 'login']),
          /** The names of the workers' own, so that none of them is taken for a person. */
          workers: z
            .array(z.string().min(1, 'name a principal, as the token of a worker says it (sub)'))
            .min(1, 'name the principal of the workers at least'),
        })
        .optional(),
    })
    .prefault({}),
  successors: z.array(standingRuleSchema).default([]),
  policy: policySchema.prefault({}),
  roles: z
    .strictObject({ operators: people.default('directory'), approvers: people.default('directory') })
    .prefault({}),
  gateway: gateway.optional(),
});

type Given = z.infer<typeof configSchema>;

export type Config = Omit<Given, 'temporal'> & {
  temporal: Given['temporal'] & {
    taskQueue: string;
    /** A server of our own, beside us: see `Named`. */
    local?: boolean;
  };
  /** The file it was read from, absolute. */
  file: string;
};

/**
 * Reads and checks the file. TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, or a profile of Temporal's own, win over
 * what it says, so that one file serves several places. Throws an Error with one line per mistake:
 * `file:line key: what is allowed`.
 */
export function readConfig(file: string, env: NodeJS.ProcessEnv = process.env): Config {
  const path = resolve(file);
  const text = readWritten(path);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0)
    throw new Error(document.errors.map(error => `${path}: ${error.message}`).join('\n'));
  const given: unknown = document.toJS();
  const at = (keys: readonly PropertyKey[]): string => {
    for (let depth = keys.length; depth >= 0; depth--) {
      const node = document.getIn(keys.slice(0, depth), true) as
        | { range?: [number, number, number] }
        | undefined;
      if (node?.range) return `${path}:${lines.linePos(node.range[0]).line}`;
    }
    return path;
  };
  const dropped = droppedKey(given);
  if (dropped) throw new Error(`${at(dropped)} ${dropped.join('.')}: no name that anything can have`);
  const result = configSchema.safeParse(given);
  if (!result.success) {
    throw new Error(
      mistakesOf(result.error.issues, given, configSchema, isPartOfConnection)
        .map(
          ({ path: keys, says }) =>
            `${[at(keys), keys.map(String).join('.')].filter(Boolean).join(' ')}: ${says}`,
        )
        .join('\n'),
    );
  }
  const { temporal, installation: name } = result.data;
  const saidDecisions = (given as { policy?: { decisions?: unknown } }).policy?.decisions !== undefined;
  const decisions =
    (result.data.gateway || temporal.principals) && !saidDecisions
      ? 'verified'
      : result.data.policy.decisions;
  const config: Config = {
    ...result.data,
    policy: { ...result.data.policy, decisions },
    temporal: { ...temporal, taskQueue: temporal.taskQueue ?? name },
    file: path,
  };
  const said = (given as { temporal?: object | null }).temporal ?? {};
  const twice = ['address', 'namespace'].find(key => temporal.profile !== undefined && key in said);
  if (twice)
    throw new Error(
      `${at(['temporal', twice])} temporal.${twice}: the profile "${temporal.profile}" says it as well; leave one of them out.`,
    );
  const profile = profileOf(temporal, env);
  config.temporal.address = profile.address ?? temporal.address;
  config.temporal.namespace = profile.namespace ?? temporal.namespace;
  if (!own(config.systems, config.directory)) {
    throw new Error(
      `${path} directory: "${config.directory}" is no system of this file; known are ${Object.keys(config.systems).join(', ')}.`,
    );
  }
  const count = Object.keys(config.systems).length;
  if (config.connections.systems < count)
    throw new Error(
      `${path} connections.systems: ${config.connections.systems} are too few for ${count} systems; each needs one at least.`,
    );
  const { coverage } = config.policy;
  const stranger =
    typeof coverage === 'object' && Object.keys(coverage).find(one => !own(config.systems, one));
  if (stranger)
    throw new Error(
      `${path} policy.coverage: "${stranger}" is no system of this file; known are ${Object.keys(config.systems).join(', ')}.`,
    );
  return config;
}

function readWritten(path: string): string {
  let bytes: Uint8Array;
  let objection: string | null;
  try {
    objection = objectionTo(statSync(path));
    bytes = objection === null ? readFileSync(path) : new Uint8Array();
  } catch {
    throw new Error(
      `There is no configuration at ${path}. Name one with --config, or start from examples/demo/handover.yaml.`,
    );
  }
  const text = textOf(bytes);
  if (objection !== null || text === null)
    throw new Error(`The configuration ${path} cannot be read: ${objection ?? NOT_UTF8}`);
  return text;
}

/** Two batches, a reader and a switch run at a time; more would only wait in the database instead of here. */
const MOST_EACH = 6;

/** How many connections a worker opens to each system. */
export function connectionsEach({ connections, systems }: Pick<Config, 'connections' | 'systems'>): number {
  return Math.min(MOST_EACH, Math.floor(connections.systems / Object.keys(systems).length));
}

/** The absolute path of a system's catalog file. */
export function catalogPath(config: Config, system: string): string {
  return resolve(dirname(config.file), config.systems[system]!.catalog);
}

/** The value of a named connection. Throws a sentence that names the variable and who needs it. */
export function connectionUrl(name: string, purpose: string, env: NodeJS.ProcessEnv = process.env): string {
  const url = env[name];
  if (!url)
    throw new Error(
      `The environment variable ${name} is not set; it holds the connection of ${purpose}, e.g. postgresql://user:password@host/database.`,
    );
  return url;
}

/** The environment variables that a system's connection takes its values from. */
export function variablesOf({ connection, connect }: Config['systems'][string]): string[] {
  const named = connection === undefined ? Object.values(connect ?? {}) : [connection];
  return named.filter(source => typeof source === 'string');
}

/**
 * Everything that a system's connection names, with its values. Throws a sentence that says which part is
 * missing, and where.
 */
export function connectionOf(config: Config, system: string, env: NodeJS.ProcessEnv = process.env): Bundle {
  const { connection, connect } = config.systems[system]!;
  const whose = `system "${system}"`;
  if (connection !== undefined) return new Bundle(whose, { url: connectionUrl(connection, whose, env) });
  const parts = Object.entries(connect ?? {});
  return new Bundle(
    whose,
    Object.fromEntries(
      parts.map(([part, source]) => [part, resolved(source, `"${part}" of ${whose}`, config, env)]),
    ),
  );
}

/** The public keys whose statements are believed. Throws a sentence that names the file that is wrong. */
export function statementKeys({ gateway, file: config }: Config): StatementKey[] {
  return (gateway?.keys ?? []).map(({ id, public: named, until }) => {
    const path = resolve(dirname(config), named);
    let pem: string;
    try {
      pem = readFileSync(path, 'utf8');
    } catch (error) {
      throw new Error(
        `The file ${path} cannot be read (${(error as NodeJS.ErrnoException).code}); it holds the public key "${id}" of the gateway.`,
      );
    }
    if (!isEd25519(pem))
      throw new Error(
        `${path} holds no public Ed25519 key: make one with "handover gateway --new-key ${id}".`,
      );
    return { id, pem, until: until ?? null };
  });
}

function isEd25519(pem: string): boolean {
  try {
    return !pem.includes('PRIVATE') && createPublicKey(pem).asymmetricKeyType === 'ed25519';
  } catch {
    return false;
  }
}

/** The key that the gateway signs with; null where the configuration names none. Throws a sentence. */
export function signingKey(
  config: Config,
  env: NodeJS.ProcessEnv = process.env,
): { id: string; pem: string } | null {
  const sign = config.gateway?.sign;
  if (!sign) return null;
  const pem = resolved(sign.secret, `the secret key "${sign.key}" of the gateway`, config, env);
  return { id: sign.key, pem: pem.replaceAll('\\n', '\n') };
}

/** A file that the configuration names, absolute. */
export function besideConfig(config: Config, named: string): string {
  return resolve(dirname(config.file), named);
}

/** A value of its own that a file of the gateway names: a variable, or a file. */
export function secretOf(
  source: string | { file: string },
  what: string,
  config: Config,
  env: NodeJS.ProcessEnv,
): string {
  return resolved(source, what, config, env);
}

function resolved(
  source: string | { file: string },
  what: string,
  config: Config,
  env: NodeJS.ProcessEnv,
): string {
  if (typeof source === 'string') {
    const value = env[source];
    if (!value) throw new Error(`The environment variable ${source} is not set; it holds ${what}.`);
    return value;
  }
  const path = resolve(dirname(config.file), source.file);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(
      `The file ${path} cannot be read (${(error as NodeJS.ErrnoException).code}); it holds ${what}.`,
    );
  }
  // Editors end a file with a line break, which belongs to no token.
  const value = text.replace(/\r?\n$/, '');
  if (!value) throw new Error(`The file ${path} is empty; it holds ${what}.`);
  return value;
}
