/**
 * Many items in one call. Its answer is believed only where it refuses: positional, by id, or what a job says
 * once it is done. Whatever it calls a success is read again like everything else.
 */

import { millisecondsOf } from '../duration.js';
import type { BulkSpec } from './catalog.js';
import { type Claim, claimOf, fillingOf, type Move } from './claims.js';
import type { Told } from './client.js';
import { isSo } from './condition.js';
import { outcomeOf } from './outcome.js';
import { pause } from './pause.js';
import { listAt, textAt } from './pointer.js';
import type { Target } from './target.js';
import { fillJson, placeholdersIn } from './template.js';

/** A claim per move, in their order. */
export async function sendBulk(
  target: Target,
  category: string,
  spec: BulkSpec,
  moves: readonly Move[],
  owners: readonly string[],
  until: number,
  signal?: AbortSignal,
): Promise<Claim[]> {
  const claims: Claim[] = Array.from({ length: moves.length });
  const groups = groupsOf(spec, moves);
  const sent = await Promise.allSettled(
    groups.map(async places => {
      const some = places.map(n => moves[n]!);
      const answers = await sendOne(target, category, spec, some, owners, until, signal);
      for (const [i, n] of places.entries()) claims[n] = answers[i]!;
    }),
  );
  const broken = sent.find(one => one.status === 'rejected');
  if (broken) throw broken.reason;
  return claims;
}

/** Places of moves that go into one call: a call that names one taker takes only theirs. */
function groupsOf(spec: BulkSpec, moves: readonly Move[]): number[][] {
  const { each: _, ...outside } = spec;
  const isForOne = placeholdersIn(outside).some(name => name === 'to' || name === 'from');
  const byTaker = new Map<string, number[]>();
  for (const [n, { from, to }] of moves.entries()) {
    const name = isForOne ? JSON.stringify([from, to ?? null]) : '';
    byTaker.set(name, [...(byTaker.get(name) ?? []), n]);
  }
  return [...byTaker.values()].flatMap(places =>
    Array.from({ length: Math.ceil(places.length / spec.size) }, (_, n) =>
      places.slice(n * spec.size, (n + 1) * spec.size),
    ),
  );
}

async function sendOne(
  target: Target,
  category: string,
  spec: BulkSpec,
  moves: readonly Move[],
  owners: readonly string[],
  until: number,
  signal?: AbortSignal,
): Promise<Claim[]> {
  const fillings = moves.map(move => fillingOf(target.category(category), move, owners));
  const values = {
    ...fillings[0]!.values,
    keys: moves.map(({ key }) => key),
    each: { raw: fillings.map(filling => fillJson(spec.each ?? null, filling)) },
  };
  const call = { spec, filling: { values }, doing: `changing items of ${category}` };
  const written = await target.client.write(call, until, signal);
  const claim = claimOf(written);
  const forAll = moves.map(() => claim);
  if (written.kind !== 'told' || claim.kind !== 'accepted' || !spec.results) return forAll;
  const told = spec.results.job
    ? await finished(target, category, spec.results.job, written, until, signal)
    : written;
  if (told === null) return forAll.map(() => ({ kind: 'accepted', says: claim.says, pending: true }));
  return resultsOf(spec.results, told, moves);
}

/** Asks after a job until it is done; null where it takes longer than there is time for. */
async function finished(
  target: Target,
  category: string,
  job: NonNullable<NonNullable<BulkSpec['results']>['job']>,
  begun: Told,
  until: number,
  signal?: AbortSignal,
): Promise<Told | null> {
  const id = textAt(begun.answer.body, job.id);
  if (id === null) return begun;
  const every = millisecondsOf(job.every);
  while (Date.now() < until) {
    const call = {
      spec: job,
      filling: { values: { job: id } },
      doing: `asking after changes of ${category}`,
    };
    const told = await target.client.read(call, signal);
    if (isSo(told.answer.body, job.until)) return told;
    await pause(every, signal);
  }
  return null;
}

/** What stands in the answer for each item; one that is not in there was taken up, as far as anybody knows. */
function resultsOf(
  results: NonNullable<BulkSpec['results']>,
  { answer, outcome }: Told,
  moves: readonly Move[],
): Claim[] {
  const list = listAt(answer.body, results.at);
  if ('problem' in list) return moves.map(() => ({ kind: 'accepted', says: outcome.says, pending: false }));
  const byKey =
    results.by === 'position' ? null : new Map(list.map(one => [textAt(one, results.by), one] as const));
  return moves.map(({ key }, n): Claim => {
    const result = byKey ? byKey.get(key) : list[n];
    if (result === undefined)
      return { kind: 'accepted', says: `${outcome.says} without a word on it`, pending: false };
    const said = outcomeOf({ status: answer.status, headers: {}, body: result }, results.outcomes);
    return claimOf({ kind: 'told', answer, outcome: said });
  });
}
