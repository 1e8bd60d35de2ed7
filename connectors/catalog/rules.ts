/** Rules between the parts of a catalog that no schema can say and that hold for every kind. */

import { own } from '../../domain/own.js';
import type { CategoryHead, Computed, Head } from './head.js';
import { isBlockOff, linkFields } from './head.js';
import { didYouMean } from './nearest.js';

export type Path = (string | number)[];
/** Notes a mistake with its place; `says` continues a sentence that has named the place. */
export type Report = (path: Path, says: string) => void;

export function generalRules(catalog: Head, report: Report): void {
  for (const [name, spec] of Object.entries(catalog.categories)) category(catalog, name, spec, report);
  verbs(catalog, report);
}

function category(catalog: Head, name: string, spec: CategoryHead, report: Report): void {
  const at = (...keys: Path): Path => ['categories', name, ...keys];
  for (const [index, after] of spec.after.entries()) {
    if (after.includes('/') && !after.startsWith(`${catalog.system}/`)) continue;
    const other = after.slice(after.indexOf('/') + 1);
    const known = Object.keys(catalog.categories);
    if (other === name) report(at('after', index), 'a category cannot come after itself');
    else if (!known.includes(other))
      report(
        at('after', index),
        `there is no category ${other}${didYouMean(other, known)}; known are ${known.join(', ')}`,
      );
  }
  onlyFor(spec, ['transfer'], report, at, {
    unassigned: spec.unassigned || undefined,
    queues: Object.keys(spec.queues).length > 0 || undefined,
  });
  onlyFor(spec, ['transfer'], report, at, { successor_of: spec.successor_of });
  if (spec.successor_of !== undefined) {
    const tied = own(catalog.categories, spec.successor_of);
    const others = Object.keys(catalog.categories).filter(one => one !== name);
    if (!tied || spec.successor_of === name)
      report(
        at('successor_of'),
        `there is no other category ${spec.successor_of}${didYouMean(spec.successor_of, others)}; known are ${others.join(', ')}`,
      );
    else if (tied.do !== 'transfer' || tied.successor_of !== undefined)
      report(at('successor_of'), `${spec.successor_of} has no successor of its own`);
  }
  onlyFor(spec, ['remove', 'revoke', 'clear'], report, at, { on_role_change: spec.on_role_change });
  aroundSwitch(spec, report, at);
  if (spec.acts_as && spec.do === 'keep')
    report(
      at('do'),
      'what acts in the name of somebody who is gone is not kept: hand it over, stop it, or let people acknowledge it',
    );
  if (spec.do === 'keep' && !spec.reason)
    report(at(), 'keep needs a reason: why these items stay with the leaver');
  for (const [path, field] of shownFields(spec)) {
    const secret = spec.secret.find(one =>
      typeof field === 'string' ? field === one : mentions(field, one),
    );
    if (secret !== undefined) report(at(...path), `${secret} is secret and would be shown here`);
  }
  if (spec.link && !/^https?:\/\//.test(spec.link))
    report(at('link'), `${JSON.stringify(spec.link)} was given; a link starts with https:// or http://`);
  if (spec.link && /[{}]/.test(spec.link.replace(/\{[^{}]+\}/g, '')))
    report(at('link'), 'a { or } has no partner; columns stand in the link as {column}');
}

/** What needs an active account cannot wait until it is off, and the other way round. */
function aroundSwitch(spec: CategoryHead, report: Report, at: (...keys: Path) => Path): void {
  if (!spec.switch) return;
  const { needs, when, within } = spec.switch;
  onlyFor(spec, ['transfer', 'remove', 'revoke', 'clear'], report, at, { switch: spec.switch });
  if (when === 'after' && needs === 'active')
    report(at('switch', 'needs'), 'after the switch the account is not active any more: when: before');
  if (when !== 'after' && needs === 'inactive')
    report(at('switch', 'needs'), 'until the switch the account is active: when: after');
  if (when !== 'before' && spec.inflow)
    report(at('switch', 'when'), 'what brings new items in is stopped before everything else: when: before');
  if (when !== 'after' && within !== undefined)
    report(at('switch', 'within'), 'a deadline counts from the switch: when: after is missing');
  if (when === 'with' && spec.do !== 'transfer')
    report(at('switch', 'when'), `the switch takes items to a successor, and do: ${spec.do} names none`);
}

/** Keys that mean something with some dispositions only; undefined = not given. */
export function onlyFor(
  spec: CategoryHead,
  dispositions: string[],
  report: Report,
  at: (...keys: Path) => Path,
  given: Record<string, unknown>,
): void {
  if (dispositions.includes(spec.do)) return;
  for (const [key, value] of Object.entries(given)) {
    if (value !== undefined)
      report(at(key), `${key} has no meaning with do: ${spec.do}; it belongs to ${dispositions.join(', ')}`);
  }
}

/**
 * Keys that every catalog may have and that this kind does nothing with: given in silence, they would promise
 * it.
 */
export function notDone(
  spec: CategoryHead,
  kind: string,
  keys: readonly ('label' | 'link' | 'attributes' | 'fires_at' | 'secret')[],
  report: Report,
  at: (...keys: Path) => Path,
): void {
  for (const key of keys) {
    const given = spec[key];
    if (given !== undefined && Object.keys(given).length > 0)
      report(at(key), `the kind ${kind} does nothing with ${key}: leave it out`);
  }
}

/** Is the name a word of the expression? */
const mentions = ({ value }: Computed, name: string): boolean =>
  value.split(/[^\p{L}\p{N}_$]+/u).some(word => word.toLowerCase() === name.toLowerCase());

function shownFields(spec: CategoryHead): [Path, string | Computed][] {
  return [
    ...(spec.label ? [[['label'], spec.label] as [Path, string | Computed]] : []),
    ...Object.entries(spec.attributes).map(([attribute, field]): [Path, string | Computed] => [
      ['attributes', attribute],
      field,
    ]),
    ...linkFields(spec.link).map((field): [Path, string] => [['link'], field]),
  ];
}

function verbs(catalog: Head, report: Report): void {
  const can = (verb: 'block' | 'unblock' | 'deactivate' | 'reactivate') =>
    catalog[verb] !== undefined && catalog[verb].by !== 'nobody';
  if (isBlockOff(catalog)) return blockedBySwitch(catalog, report);
  if (can('block') && !can('unblock')) report(['block'], 'a block must be reversible: unblock is missing');
  if (can('unblock') && !can('block')) report(['unblock'], 'there is no block to undo');
  if (can('reactivate') && !can('deactivate')) report(['reactivate'], 'there is no deactivate to undo');
}

/** A block that is the very switch: there must be one, and a way back. */
function blockedBySwitch(catalog: Head, report: Report): void {
  const does = (verb: 'deactivate' | 'reactivate') => catalog[verb]?.by === 'system';
  if (!does('deactivate')) report(['block', 'by'], 'there is no deactivate by the system that could block');
  else if (!does('reactivate'))
    report(
      ['block'],
      'a block must be reversible: what the switch blocks is given back by reactivate, which is missing',
    );
  if (catalog.unblock)
    report(['unblock'], 'what the switch blocks is given back by reactivate: leave unblock out');
}
