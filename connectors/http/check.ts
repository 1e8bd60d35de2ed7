/**
 * The catalog against the live system, without writing: who we are, whether searches find somebody who is
 * there, whether every category is listed whole, its filter understood, and its items readable by themselves.
 */
import { HandoverFailure } from '../../domain/failure.js';
import type { Check, Problem } from '../connector.js';
import type { CategorySpec, FindSpec } from './catalog.js';
import { proveFilter, readItems, sampleOf } from './items.js';
import { MAY_BE_CUT, mayBeCut } from './listing.js';
import { asProblem, proveSearches, selfOf } from './people.js';
import type { Target } from './target.js';
import { placeholdersIn } from './template.js';

/** What was found is remembered for so long: a plan asks before every look. */
const KNOWN_FOR_MS = 5 * 60_000;

export function check(target: Target): Check {
  let known: { problems: Promise<Problem[]>; until: number } | null = null;
  return {
    check: signal => problemsOf(target, signal),
    async misfits(signal) {
      if (known && known.until > Date.now()) return known.problems;
      const problems = misfits(target, signal);
      known = { problems, until: Date.now() + KNOWN_FOR_MS };
      problems.catch(() => {
        known = null;
      });
      return problems;
    },
    doubts: async () => doubtsOf(target),
  };
}

/** What would only be found when it matters: the rest is found by the look itself. */
async function misfits(target: Target, signal?: AbortSignal): Promise<Problem[]> {
  return collected(target, [['people'], () => proveSearches(target, signal)]);
}

async function problemsOf(target: Target, signal?: AbortSignal): Promise<Problem[]> {
  const { people } = target.catalog;
  const { categories } = target;
  const problems = await collected(
    target,
    [
      ['people', 'self'],
      async () => {
        if (people.self) await selfOf(target, signal);
      },
    ],
    [['people', 'find'], () => proveSearches(target, signal)],
  );
  // Where nobody lets us in there is nothing to learn from twenty categories.
  if (problems.length > 0) return problems;
  for (const [category, spec] of Object.entries(categories))
    problems.push(
      ...(await collected(target, [
        ['categories', category, 'list'],
        () => tryCategory(target, category, spec, signal),
      ])),
    );
  return problems;
}

/** One page of the list, the filter, and one item by itself. */
async function tryCategory(
  target: Target,
  category: string,
  spec: CategorySpec,
  signal?: AbortSignal,
): Promise<void> {
  const doubt = await proveFilter(target, category, signal).catch(error => asProblem(error).problem);
  if (doubt !== null) throw target.failure('configuration', `${category}: ${doubt}`);
  const sample = await sampleOf(target, category, signal).catch(error => asProblem(error));
  if (sample !== null && 'problem' in sample)
    throw target.failure('configuration', `${category} cannot be listed: ${sample.problem}`);
  if (sample === null || spec.read === 'list') return;
  const [read] = await readItems(target, category, [sample.key], sample.owners, signal);
  if (!read)
    throw target.failure('configuration', `${category}: an item that is listed cannot be read by itself`);
  if (read.owners.join() !== sample.owners.join())
    throw target.failure(
      'configuration',
      `${category}: read by itself an item has another owner than in the list: the pointers of list and read do not fit`,
    );
}

/** Does the call ask for nobody by name, so that people are picked out of it on our side? */
const isListOfEverybody = (find: FindSpec): boolean => !placeholdersIn(find).includes('value');

function doubtsOf(target: Target): Problem[] {
  const { categories, connect, people } = target.catalog;
  const doubts: Problem[] = [];
  for (const [n, find] of people.find.entries())
    if (isListOfEverybody(find) && mayBeCut(find))
      doubts.push({
        where: target.file.where(['people', 'find', n]),
        message: `everybody is listed, ${MAY_BE_CUT}: whoever was cut off it is not found`,
      });
  for (const [category, spec] of Object.entries(categories)) {
    const where = target.file.where(['categories', category]);
    if (spec.proof !== undefined && 'none' in spec.proof)
      doubts.push({ where, message: `nothing proves that the filter is understood (${spec.proof.none})` });
    if (spec.unread !== undefined)
      doubts.push({ where, message: `what is written is not read again (${spec.unread})` });
    if (mayBeCut(spec.list)) doubts.push({ where, message: `the list comes ${MAY_BE_CUT}` });
  }
  if (connect.networks.length > 0)
    doubts.push({
      where: target.file.where(['connect', 'networks']),
      message: `addresses that are not public are called: ${connect.networks.join(', ')}`,
    });
  return doubts;
}

type Tried = readonly [path: (string | number)[], try_: () => Promise<unknown>];

/** Everything is tried; what is away or throttles is thrown, since it says nothing about the catalog. */
async function collected(target: Target, ...all: readonly Tried[]): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const [path, attempt] of all) {
    try {
      await attempt();
    } catch (error) {
      if (!(error instanceof HandoverFailure) || error.kind === 'transient' || error.kind === 'throttled')
        throw error;
      problems.push({ where: target.file.where(path), message: error.message });
    }
  }
  return problems;
}
