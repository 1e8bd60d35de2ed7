/** Rules between the parts of an HTTP catalog that no schema can say. */
import { isBlockOff } from '../catalog/head.js';
import { didYouMean } from '../catalog/nearest.js';
import type { Path, Report } from '../catalog/rules.js';
import { millisecondsOf } from '../duration.js';
import {
  type CallSpec,
  type CategorySpec,
  callsOf,
  carriedIn,
  type HttpCatalog,
  type ListSpec,
  METHODS,
  type SwitchSpec,
} from './catalog.js';
import { isInPath } from './items.js';
import { placeholdersIn } from './template.js';
import { ENDINGS, type Ending, shows } from './verbs.js';

export function httpRules(catalog: HttpCatalog, report: Report): void {
  const { connect, people, auth } = catalog;
  if (millisecondsOf(connect.timeout) > millisecondsOf(connect.lands_within) / 2)
    report(
      ['connect', 'lands_within'],
      `${connect.lands_within} was given; a call may be sent until half of it and take ${connect.timeout} from then on (connect.timeout), so at least twice that is needed`,
    );
  const calls = new Calls(catalog, report);
  if ('session' in auth) calls.check(['auth', 'session'], auth.session, []);
  calls.check(['people', 'read'], people.read, ['user'], ['user']);
  if (people.self) calls.check(['people', 'self'], people.self, []);
  for (const [n, find] of people.find.entries()) calls.list(['people', 'find', n], find, ['value']);
  if (catalog.guards.last_owner) calls.list(['guards', 'last_owner'], catalog.guards.last_owner, []);
  for (const [name, spec] of Object.entries(catalog.categories)) category(catalog, calls, name, spec, report);
  for (const verb of ['block', 'unblock', 'deactivate', 'reactivate'] as const) {
    const spec = catalog[verb];
    if (spec?.by === 'system') verbs(catalog, calls, verb, spec, report);
    if (spec?.by === 'person' && spec.observe) calls.check([verb, 'observe'], spec.observe, ['user']);
  }
  const [carried] = carriedIn(catalog);
  if (isBlockOff(catalog) && carried !== undefined)
    report(
      ['block', 'by'],
      `the switch hands ${carried} over, which nobody has approved when a block is made`,
    );
  for (const verb of [...ENDINGS, 'erase'] as const) ending(catalog, calls, verb, report);
}

function ending(catalog: HttpCatalog, calls: Calls, verb: Ending | 'erase', report: Report): void {
  const spec = catalog[verb];
  if (spec === undefined) return;
  if (catalog.categories[verb] !== undefined)
    report([verb], `there is a category ${verb} as well: give either, one by one or all at once`);
  if (spec.by === 'switch' && (catalog.deactivate ?? { by: 'nobody' }).by === 'nobody')
    report([verb, 'by'], 'there is no deactivate that could end it');
  if (spec.by === 'nobody' || spec.by === 'switch') return;
  if (spec.until !== undefined && spec.observe !== undefined)
    report([verb, 'observe'], 'give either until (of the account) or observe (by a call of its own)');
  if (spec.observe) calls.check([verb, 'observe'], spec.observe, ['user'], ['user']);
  if (spec.by !== 'system') return;
  for (const [n, call] of spec.calls.entries()) calls.check([verb, 'calls', n], call, ['user', 'ITEM']);
  if (!shows(spec) && verb !== 'erase')
    report(
      [verb],
      'nothing says when it is done: give until or observe; where nothing shows it, its calls belong to deactivate',
    );
}

function category(
  catalog: HttpCatalog,
  calls: Calls,
  name: string,
  spec: CategorySpec,
  report: Report,
): void {
  const at = (...keys: Path): Path => ['categories', name, ...keys];
  calls.list(at('list'), spec.list, ['from'], spec.list.of === 'everybody' ? [] : ['from']);
  const { identity } = spec.owner;
  const known = ['user', ...Object.keys(catalog.identities)];
  if (!known.includes(identity))
    report(
      at('owner', 'identity'),
      `there is no identity ${identity}${didYouMean(identity, known)}; known are ${known.join(', ')}`,
    );
  if (spec.owner.listed && spec.list.of === 'everybody')
    report(
      at('owner', 'listed'),
      'a list of everybody says of no item whose it is: give the pointer to its owner',
    );
  const filtered = spec.list.of === 'leaver' && !isInPath(spec.list);
  if (filtered && spec.proof === undefined)
    report(
      at('list'),
      'parameters that a system does not know are ignored in silence: give under proof the same list without the filter, or { none: why nothing can prove it }',
    );
  if (!filtered && spec.proof !== undefined)
    report(at('proof'), 'there is no filter that could be ignored: leave it out');
  if (spec.proof !== undefined && !('none' in spec.proof)) {
    calls.list(at('proof'), spec.proof, []);
    if (spec.owner.listed)
      report(at('proof'), 'items that only a list says the owner of prove nothing: give { none: why }');
  }
  if (spec.read !== 'list')
    calls.check(at('read'), spec.read, ['key', 'keys'], [spec.read.many === undefined ? 'key' : 'keys']);
  const carried = spec.switch?.when === 'with';
  const effect = ['transfer', 'remove', 'revoke', 'clear'].includes(spec.do) && !carried;
  const writes = callsOf(spec.write);
  if (
    carried &&
    !(catalog.deactivate?.by === 'system' && placeholdersIn(catalog.deactivate.calls).includes(`to.${name}`))
  )
    report(
      at('switch', 'when'),
      `the switch takes nothing to anybody: who takes these over must stand in a call under deactivate, as {to.${name}}`,
    );
  if (effect && writes.length === 0 && !spec.bulk)
    report(at(), `do: ${spec.do} needs write, or bulk: how an item is changed`);
  if (!effect)
    for (const key of ['write', 'bulk', 'restore', 'unread'] as const)
      if (spec[key] !== undefined)
        report(at(key), `${key} has no meaning with ${carried ? 'when: with' : `do: ${spec.do}`}`);
  if (spec.write !== undefined && spec.bulk) report(at('bulk'), 'give either write or bulk');
  for (const [n, write] of writes.entries()) {
    const place = Array.isArray(spec.write) ? at('write', n) : at('write');
    calls.check(place, write, ['key', 'from', 'to', 'owners', 'version', 'ITEM']);
    if (write.compare === 'etag' && (spec.read === 'list' || spec.read.many !== undefined))
      report([...place, 'compare'], 'an ETag comes with one item alone: read must be a call for {key}');
  }
  if (spec.bulk) {
    const { each, results, ...outer } = spec.bulk;
    calls.check(at('bulk'), outer, ['keys', 'each', 'from', 'to']);
    calls.known(at('bulk', 'each'), each, ['key', 'from', 'to', 'owners', 'ITEM']);
    if (results?.job) calls.check(at('bulk', 'results', 'job'), results.job, ['job']);
  }
  if (spec.restore) calls.check(at('restore'), spec.restore, ['key', 'from', 'ITEM']);
  if (spec.owner.at.includes('*') && effect && spec.do === 'transfer' && !mentions(spec, ['owners', 'from']))
    report(
      at('write'),
      'an item has several owners: send {owners}, all that it then has, or take {from} out by itself',
    );
}

function verbs(
  catalog: HttpCatalog,
  calls: Calls,
  verb: 'block' | 'unblock' | 'deactivate' | 'reactivate',
  spec: SwitchSpec,
  report: Report,
): void {
  const inverse = verb === 'unblock' ? catalog.block : verb === 'reactivate' ? catalog.deactivate : undefined;
  const kept = inverse?.by === 'system' ? Object.keys(inverse.keep).map(name => `kept.${name}`) : [];
  const takers = verb === 'deactivate' ? carriedIn(catalog).map(name => `to.${name}`) : [];
  for (const [n, call] of spec.calls.entries())
    calls.check([verb, 'calls', n], call, ['user', 'random', 'ITEM', ...kept, ...takers]);
  if (spec.until === 'gone' && verb !== 'deactivate')
    report([verb, 'until'], `an account that is gone is off: until: gone belongs to deactivate`);
  if (spec.until === 'gone' && !catalog.people.self && !catalog.people.known)
    report(
      [verb, 'until'],
      'to a credential that may no longer see people everybody is gone: name people.self, or somebody under people.known, who must be found before that is believed',
    );
  if (spec.until === 'gone' && catalog.reactivate?.by === 'system')
    report(['reactivate'], 'there is no account any more that could be switched on (deactivate.until: gone)');
  if (verb === 'block' && spec.until === undefined && catalog.people.blocked === undefined)
    report([verb], 'nothing says how a blocked account reads: give people.blocked, or until');
}

const mentions = (spec: CategorySpec, names: readonly string[]): boolean =>
  placeholdersIn([spec.write, spec.bulk]).some(name => names.includes(name));

/** Calls, each with what may stand in it. */
class Calls {
  readonly #everywhere: readonly string[];

  constructor(
    private readonly catalog: HttpCatalog,
    private readonly report: Report,
  ) {
    const { auth } = catalog;
    this.#everywhere = 'session' in auth ? Object.keys(auth.session.keep).map(name => `session.${name}`) : [];
  }

  /** `may`: `ITEM` stands for pointers into the item. `must`: without one of these it would mean nothing. */
  check(at: Path, spec: CallSpec, may: readonly string[], must: readonly string[] = []): void {
    const methods = METHODS.filter(method => spec[method] !== undefined);
    if (methods.length !== 1)
      this.report(
        at,
        methods.length === 0
          ? `one of ${METHODS.join(', ')} is needed, with the path to call`
          : `${methods.join(' and ')} were given: one call has one of them`,
      );
    if (spec.json !== undefined && spec.form !== undefined)
      this.report([...at, 'form'], 'give either json or form');
    if (spec.get !== undefined && (spec.json !== undefined || spec.form !== undefined))
      this.report([...at, 'get'], 'a get has no body: say post where a search has one');
    const { groups } = this.catalog.limits;
    if (spec.group !== undefined && groups[spec.group] === undefined)
      this.report(
        [...at, 'group'],
        `there is no group ${spec.group}${didYouMean(spec.group, Object.keys(groups))} under limits.groups`,
      );
    const parts = [...METHODS, 'json', 'form', 'headers'] as const;
    for (const part of parts) this.known([...at, part], spec[part], may);
    const said = placeholdersIn(parts.map(part => spec[part]));
    for (const name of must)
      if (!said.includes(name))
        this.report(at, `{${name}} stands nowhere in it: every answer would be the same`);
  }

  list(at: Path, spec: ListSpec, may: readonly string[], must: readonly string[] = []): void {
    const { page } = spec;
    const paging = {
      number: ['page', 'size'],
      offset: ['offset', 'size'],
      cursor: ['cursor', 'size'],
      next: ['size'],
      link: ['size'],
      none: [],
    }[page.by];
    const needed = { number: ['page'], offset: ['offset'], cursor: ['cursor'], next: [], link: [], none: [] }[
      page.by
    ];
    this.check(at, spec, [...may, ...paging], [...must, ...needed]);
    if (page.by === 'cursor' && (page.at === undefined) === (page.header === undefined))
      this.report([...at, 'page'], 'say where the next cursor stands: at (a pointer) or header');
  }

  known(at: Path, template: unknown, may: readonly string[]): void {
    const known = [...may.filter(name => name !== 'ITEM'), ...this.#everywhere];
    for (const name of new Set(placeholdersIn(template))) {
      if (name.startsWith('connect.')) continue;
      if (name.startsWith('/') && may.includes('ITEM')) continue;
      if (known.includes(name)) continue;
      const all = [
        ...known.map(one => `{${one}}`),
        ...(may.includes('ITEM') ? ['{/pointer} into the item'] : []),
        '{connect.part}',
      ];
      this.report(at, `{${name}} is not known here${didYouMean(name, known)}; known are ${all.join(', ')}`);
    }
  }
}

/** Parts of the connection that calls name as {connect.part}. */
export function partsIn(catalog: HttpCatalog): string[] {
  return placeholdersIn(catalog)
    .filter(name => name.startsWith('connect.'))
    .map(name => name.slice('connect.'.length));
}
