/**
 * Tries a part of a catalog for whoever writes it: makes the calls that read, shows those that would write and
 * does not send them, and says of every answer what was understood. Secrets are hidden wherever they stand.
 */

import { soughtBy, valuesOf } from '../../domain/accounts.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { Account, Identities, Known } from '../../domain/model.js';
import type { ConnectOptions, Tried, TriedCall, TryRequest } from '../catalog/kind.js';
import type { LoadedCatalog } from '../catalog/loaded.js';
import { didYouMean } from '../catalog/nearest.js';
import { type CallSpec, callsOf, type HttpCatalog, requestOf, switchSpec } from './catalog.js';
import { fillingOf, type Move } from './claims.js';
import { openTarget } from './connector.js';
import { filledBody } from './fill.js';
import { type Held, held, proveFilter, readItems } from './items.js';
import { MAY_BE_CUT, mayBeCut } from './listing.js';
import { entryOf, resolveAccounts, selfOf } from './people.js';
import { isSeen } from './probe.js';
import { HIDDEN, Redaction } from './redact.js';
import type { Target } from './target.js';
import { type Filling, fillPath } from './template.js';
import { ENDINGS, type Ending, shows } from './verbs.js';

const SWITCHES = ['block', 'unblock', 'deactivate', 'reactivate'] as const;
const VERBS = [...SWITCHES, ...ENDINGS, 'erase'] as const;
type Verb = (typeof VERBS)[number];
/** Nobody reads more of an answer than this on a screen. */
const MOST_SHOWN = 1_500;

export async function tryHttp(
  loaded: LoadedCatalog<HttpCatalog>,
  request: TryRequest,
  options: ConnectOptions,
): Promise<Tried> {
  const target = openTarget(loaded, options);
  const { connection } = options;
  const secrets = connection.names.filter(name => name !== 'base').map(name => connection.need(name));
  const calls: TriedCall[] = [];
  target.client.watch = (sent, answer, outcome) => {
    const redaction = new Redaction([...secrets, ...target.client.secrets()]);
    calls.push({
      method: sent.method,
      url: redaction.text(sent.url.href),
      headers: redaction.headers(sent.headers),
      body: sent.body === undefined ? null : redaction.text(sent.body),
      status: answer?.status ?? null,
      answer: answer ? shortened(JSON.stringify(redaction.json(answer.body))) : null,
      outcome: outcome?.kind ?? null,
    });
  };
  const understood: string[] = [];
  let problem: string | null = null;
  try {
    await tryPart(target, request, understood, calls);
  } catch (error) {
    if (!(error instanceof HandoverFailure)) throw error;
    problem = error.message;
  } finally {
    await target.client.close();
  }
  return { calls, understood, problem };
}

async function tryPart(
  target: Target,
  { what, person }: TryRequest,
  understood: string[],
  calls: TriedCall[],
): Promise<void> {
  const { categories, people } = target.catalog;
  const known = ['self', 'people', ...Object.keys(categories), ...VERBS];
  if (!known.includes(what))
    throw target.failure(
      'configuration',
      `there is nothing called ${what} to try${didYouMean(what, known)}; there is ${known.join(', ')}`,
    );
  if (what === 'self') {
    if (!people.self)
      throw target.failure('configuration', 'the catalog does not say how to ask who we are (people.self)');
    const { account } = await selfOf(target);
    understood.push(`We are ${account.label}, ${account.active ? 'active' : 'not active'}.`);
    return;
  }
  if (person === undefined) throw target.failure('configuration', 'say whom to look for: --person');
  const accounts = await found(target, person, understood);
  if (what === 'people' || accounts.length === 0) return;
  if (what in categories) await tryCategory(target, what, accounts, understood, calls);
  else await tryVerb(target, what as Verb, accounts[0]!, understood, calls);
}

async function found(target: Target, person: Known, understood: string[]): Promise<readonly Account[]> {
  const pinned: Identities = person.by === 'id' ? { user: [person.value] } : {};
  const sought = soughtBy({ id: '', known: person.by === 'id' ? [] : [person] }, false);
  const resolution = await resolveAccounts(target, sought, pinned);
  if (resolution.kind === 'found') {
    for (const { label, active, blocked, identities } of resolution.accounts)
      understood.push(
        `The account ${label}: ${active ? 'active' : 'not active'}${blocked ? ', blocked' : ''}; ${Object.entries(
          identities,
        )
          .map(([name, values]) => `${name} ${values.join(', ')}`)
          .join('; ')}.`,
      );
    return resolution.accounts;
  }
  understood.push(
    resolution.kind === 'absent'
      ? 'Nobody there is this person, and the search was proved on somebody who is there.'
      : `${resolution.candidates.length} accounts may be this person: ${resolution.candidates.map(({ label }) => label).join(', ')}.`,
  );
  return [];
}

async function tryCategory(
  target: Target,
  category: string,
  accounts: readonly Account[],
  understood: string[],
  calls: TriedCall[],
): Promise<void> {
  const spec = target.category(category);
  const walked = await held(target, category, accounts, item => item);
  if (!walked.complete) throw target.failure('configuration', `incomplete: ${walked.problem}`);
  const whole = mayBeCut(spec.list) ? MAY_BE_CUT : 'listed whole';
  understood.push(`${walked.items.length} items of theirs, ${whole}.`);
  if (spec.proof !== undefined && 'none' in spec.proof)
    understood.push(`Nothing proves that they are theirs, and not everybody's (${spec.proof.none}).`);
  const [first] = walked.items;
  if (first) await tryItem(target, category, accounts, first, understood, calls);
  const doubt = await proveFilter(target, category);
  if (doubt !== null) throw target.failure('configuration', `the filter is not proved: ${doubt}`);
}

/** One item: read by itself, and what would change it. */
async function tryItem(
  target: Target,
  category: string,
  accounts: readonly Account[],
  first: Held,
  understood: string[],
  calls: TriedCall[],
): Promise<void> {
  const spec = target.category(category);
  understood.push(`The first: key ${first.key}, owner ${first.owners.join(', ')}.`);
  const owners = valuesOf(accounts, spec.owner.identity);
  const [again] = await readItems(target, category, [first.key], owners);
  understood.push(
    again
      ? `${spec.read === 'list' ? 'Listed again' : 'Read again by itself'}: owner ${again.owners.join(', ')}.`
      : 'Read again it is not there.',
  );
  const move: Move = {
    key: first.key,
    from: first.owners[0] ?? '',
    to: taker(spec.do),
    held: again ?? first,
  };
  for (const write of callsOf(spec.write))
    calls.push(unsent(target, write, fillingOf(spec, move, owners, write)));
  if (spec.bulk)
    understood.push(`It is changed in bulk, ${spec.bulk.size} at a time: ${requestOf(spec.bulk).path}.`);
}

const taker = (disposition: string): string | undefined =>
  disposition === 'transfer' ? '(the successor)' : undefined;

async function tryVerb(
  target: Target,
  verb: Verb,
  account: Account,
  understood: string[],
  calls: TriedCall[],
): Promise<void> {
  const said = target.catalog[verb];
  const spec = isSwitch(verb) ? (switchSpec(target.catalog, verb) ?? said) : said;
  understood.push(`${verb}: ${whoDoes(said ?? spec, verb)}`);
  if (spec === undefined || spec.by === 'nobody' || spec.by === 'switch') return;
  const { raw } = await entryOf(target, account);
  if (verb === 'erase') understood.push('No offboarding does it.');
  else if (!isSwitch(verb)) await tryWhetherDone(target, verb, account, raw, understood);
  if (spec.by !== 'system') return;
  const kept = Object.fromEntries(
    SWITCHES.flatMap(one => {
      const other = target.catalog[one];
      return other?.by === 'system' ? Object.keys(other.keep) : [];
    }).map(name => [`kept.${name}`, '(as it was)'] as const),
  );
  const user = valuesOf([account], 'user')[0] ?? '';
  for (const call of spec.calls)
    calls.push(unsent(target, call, { values: { user, random: HIDDEN, ...kept }, item: raw }));
}

const isSwitch = (verb: Verb): verb is (typeof SWITCHES)[number] =>
  (SWITCHES as readonly string[]).includes(verb);

/** "a person does it, at https://... (seats are counted by hand)." */
function whoDoes(spec: HttpCatalog[Verb], verb: Verb): string {
  if (spec === undefined) return 'the catalog says nothing.';
  if (spec.by === 'system') return 'the system does it.';
  if (spec.by === 'switch')
    return verb === 'block'
      ? `the system does it as it deactivates (${spec.reason}).`
      : `it ends with the switch (${spec.reason}).`;
  if (spec.by === 'nobody') return `nobody does it (${spec.reason}).`;
  const where = spec.page === undefined ? '' : `, at ${spec.page}`;
  return `a person does it${where}${spec.reason === undefined ? '' : ` (${spec.reason})`}.`;
}

/** Is it done already? Asked as a run would. */
async function tryWhetherDone(
  target: Target,
  verb: Ending,
  account: Account,
  raw: unknown,
  understood: string[],
): Promise<void> {
  const { account: spec } = target.category(verb);
  if (!shows(spec))
    understood.push('Nothing shows when it is done: whoever does it acknowledges it, and nobody checks.');
  else {
    const id = valuesOf([account], 'user')[0] ?? '';
    const done = await isSeen(target, spec!, { id, raw }, `looking whether ${verb} of an account has ended`);
    understood.push(done ? 'It reads as done.' : 'It reads as not done yet.');
  }
}

/** A call that would write, as it would be sent. */
function unsent(target: Target, spec: CallSpec, filling: Filling): TriedCall {
  const { method, path } = requestOf(spec);
  // Numbers that nobody knows yet are shown as what they stand for.
  const shown = (text: unknown): unknown =>
    JSON.parse(JSON.stringify(text ?? null).replaceAll(':number}', '}'));
  const whole = { ...filling, values: { ...hidden(target), ...filling.values } };
  const json = spec.json === undefined ? undefined : (shown(spec.json) as CallSpec['json']);
  return {
    method,
    url: target.client.boundary.at(fillPath(path, whole)).href,
    headers: {},
    body: filledBody({ json, form: spec.form }, whole)?.text ?? null,
    status: null,
    answer: null,
    outcome: null,
    unsent: true,
  };
}

/** Parts of the connection and of a session, which nobody is shown. */
function hidden({ catalog }: Target): Record<string, string> {
  const names = [...JSON.stringify(catalog).matchAll(/\{((?:connect|session)\.[^{}:"]+)/g)].map(
    match => match[1]!,
  );
  return Object.fromEntries(names.map(name => [name, HIDDEN]));
}

const shortened = (text: string | undefined): string | null =>
  text === undefined ? null : text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
