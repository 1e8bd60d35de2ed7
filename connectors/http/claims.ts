/** One item on its way: what becomes of it, what its call says, and what the call came to. */
import type { HandoverFailure } from '../../domain/failure.js';
import type { ItemKey } from '../../domain/model.js';
import type { CategorySpec, WriteSpec } from './catalog.js';
import type { Written } from './client.js';
import type { Held } from './items.js';
import { textAt } from './pointer.js';
import type { Filling } from './template.js';

/** One item and what becomes of it: it goes from `from` to `to`; undefined = it is taken away. */
export interface Move {
  key: ItemKey;
  from: string;
  to: string | null | undefined;
  /** As it was read just before. */
  held: Held;
}

/** What a call came to, before anything is read again. */
export type Claim =
  | { kind: 'accepted'; says: string; pending: boolean }
  | { kind: 'refused'; says: string; blocked: boolean }
  | { kind: 'changed' }
  | { kind: 'gone' }
  | { kind: 'lost'; why: string; at: number }
  | { kind: 'unsent'; failure: HandoverFailure };

export function claimOf(written: Written): Claim {
  if (written.kind !== 'told') return written;
  const { outcome, answer } = written;
  const { kind, says } = outcome;
  // A redirect after a form is how many say that it is done.
  if (answer.status >= 300 && answer.status < 400) return { kind: 'accepted', says, pending: false };
  switch (kind) {
    case 'ok':
    case 'unchanged':
    case 'pending':
      return { kind: 'accepted', says, pending: kind === 'pending' };
    case 'changed':
    case 'gone':
      return { kind };
    default:
      return { kind: 'refused', says, blocked: kind === 'blocked' };
  }
}

/** What stands for the placeholders of a write. */
export function fillingOf(
  spec: CategorySpec,
  { key, from, to, held }: Move,
  owners: readonly string[],
  write?: WriteSpec,
): Filling {
  const taker = to === null ? (spec.nobody ?? null) : to;
  const stay = held.owners.filter(owner => !owners.includes(owner) && owner !== to);
  const all = to === null || to === undefined ? stay : [...stay, to];
  const version =
    write?.compare !== undefined && write.compare !== 'etag' ? textAt(held.raw, write.compare.version) : null;
  const user = spec.account ? { user: from } : {};
  return { values: { key, from, to: taker, owners: all, version, ...user }, item: held.raw };
}
