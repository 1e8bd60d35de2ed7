/**
 * What else ends with an account, all of it at once: its sessions and tokens, its memberships, its licence. A
 * verb is a category like any other, whose only item is the account itself for as long as it is not done: it is
 * planned, carried out, proved, swept and certified as items are, and what fails keeps the run from its end. By
 * the system it comes after the switch; by a person it is acknowledged, with the page where it is done.
 *
 * Sessions and tokens moreover end right with the block and with the switch: somebody who stays signed in is not
 * off. `erase` is only said: no offboarding does it.
 */
import type { AccessVerb } from '../../domain/effect.js';
import type { Undone } from '../../domain/plan.js';
import type { CallSpec, CategorySpec, EndingSpec, HttpCatalog } from './catalog.js';

export const ENDINGS = ['sessions', 'tokens', 'memberships', 'licence'] as const;
export type Ending = (typeof ENDINGS)[number];
/** Whoever keeps one of these is still in: they end with the block and with the switch as well. */
const SIGNED_IN: readonly Ending[] = ['sessions', 'tokens'];

/** What people call the one item: it is counted, as in "1 account with sessions". */
const TITLES: Record<Ending, string> = {
  sessions: 'Account with sessions',
  tokens: 'Account with tokens',
  memberships: 'Account with memberships',
  licence: 'Account with a licence',
};

/** Does anything show when it is done? */
export const shows = (spec: EndingSpec | undefined): boolean =>
  spec?.until !== undefined || spec?.observe !== undefined;

/** The verbs that show when they are done, or that a person is to do, as categories. */
export function verbCategories(catalog: HttpCatalog): Record<string, CategorySpec> {
  return Object.fromEntries(
    ENDINGS.flatMap(verb => {
      const spec = catalog[verb];
      if (spec === undefined || spec.by === 'nobody' || spec.by === 'switch') return [];
      const { until, observe } = spec;
      const { read, key, name } = catalog.people;
      const one: CategorySpec = {
        title: TITLES[verb],
        do: spec.by === 'person' ? 'acknowledge' : SIGNED_IN.includes(verb) ? 'revoke' : 'remove',
        label: name,
        attributes: {},
        secret: [],
        inflow: false,
        after: [],
        queues: {},
        unassigned: false,
        list: {
          ...read,
          of: 'leaver',
          items: '',
          page: { by: 'none', whole: 'it is the account itself' },
        },
        key,
        owner: { at: '', listed: true, identity: 'user' },
        read: 'list',
        account: { until, observe },
        ...(spec.by === 'person'
          ? { page: spec.page, reason: spec.reason }
          : {
              write: spec.calls,
              switch: { needs: 'any', when: 'after' },
            }),
      };
      return [[verb, one]];
    }),
  );
}

/** What is sent right after the calls of a block or a switch. */
export function sentAlong(catalog: HttpCatalog, verb: AccessVerb): CallSpec[] {
  if (verb !== 'block' && verb !== 'deactivate') return [];
  return SIGNED_IN.flatMap(one => {
    const spec = catalog[one];
    return spec?.by === 'system' ? spec.calls : [];
  });
}

/** What no offboarding does here, and why: whoever approves reads it, and the certificate says it. */
export function undoneIn(catalog: HttpCatalog): Undone[] {
  const nobody = ENDINGS.flatMap((verb): Undone[] => {
    const spec = catalog[verb];
    return spec?.by === 'nobody' ? [{ verb, why: spec.reason }] : [];
  });
  const { erase } = catalog;
  if (erase === undefined) return nobody;
  const why = erase.by === 'nobody' ? erase.reason : 'an offboarding erases nobody';
  return [...nobody, { verb: 'erase', why }];
}
