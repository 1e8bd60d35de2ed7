/**
 * `handover items`: what a person holds in one category, page by page, with the successor of each item where
 * a plan knows it.
 */
import type { Command } from '@commander-js/extra-typings';
import Table from 'cli-table3';
import { soughtBy } from '../../domain/accounts.js';
import { A_KIND, idsOf } from '../../domain/ids.js';
import type { Account } from '../../domain/model.js';
import type { Plan } from '../../domain/plan.js';
import { clockOf } from '../../domain/words.js';
import { clean } from '../clean.js';
import { readStatus } from '../follow.js';
import { commandLine, decisionLine } from '../printed.js';
import { Problem } from '../problem.js';
import type { Connector } from '../systems.js';
import { describe, findRun, isOffboardingId, type LiveRun, onePerson, workflowOf } from '../which-run.js';
import { type Context, inSession, newCommand, type Session, wholeNumber } from './command.js';
import { EXIT } from './exit.js';
import { NO_LINES } from './list.js';
import { shorten } from './terminal.js';

export function registerItems(program: Command, context: Context): void {
  program.addCommand(
    newCommand('items')
      .argument('<run|user>', 'a run, or anybody in the directory')
      .argument('<category>', 'system/category, such as workspace/open_tasks')
      .option('--search <text>', 'only items with this in their label or key')
      .option('--after <key>', 'go on behind this item')
      .option('--limit <n>', 'items per page, up to 1000', '25')
      .action((who, category, options) =>
        inSession(context, options, session => items(session, who, category, options)),
      ),
  );
}

interface ItemsOptions {
  search?: string | undefined;
  after?: string | undefined;
  limit: string;
}

async function items(
  session: Session,
  who: string,
  category: string,
  options: ItemsOptions,
): Promise<number> {
  const { terminal } = session;
  const limit = wholeNumber(options.limit, '--limit', 1_000);
  const { connector, name } = await categoryOf(session, category);
  const { accounts, plan } = await accountsOf(session, who, connector);
  const where = { after: options.after, limit };
  if (options.search && !connector.search)
    throw new Problem('usage', `${connector.title} cannot search: leave --search out.`);
  const page = options.search
    ? await connector.search!(accounts, name, options.search, where)
    : await connector.items(accounts, name, where);
  const successors = plan
    ? await successorsOf(
        session,
        plan,
        category,
        page.items.map(item => item.key),
      )
    : null;
  for (const item of page.items) terminal.json({ ...item, successor: successors?.get(item.key) ?? null });
  if (page.items.length === 0) terminal.say('No items.');
  else if (!terminal.wantsJson) {
    const rows = new Table({
      head: ['KEY', 'ITEM', ...(successors ? ['SUCCESSOR'] : []), 'ACTS (UTC)', 'LINK'],
      chars: NO_LINES,
      style: { 'padding-left': 0, 'padding-right': 2, head: terminal.isTTY ? ['bold'] : [], border: [] },
    });
    for (const item of page.items) {
      rows.push([
        clean(item.key),
        shorten(clean(item.label ?? ''), 60),
        ...(successors ? [clean(successors.get(item.key)?.label ?? '')] : []),
        item.firesAt ? clockOf(item.firesAt) : '',
        clean(item.link ?? ''),
      ]);
    }
    for (const line of rows.toString().split('\n')) terminal.say(line.trimEnd());
  }
  if (page.next !== null) {
    if (terminal.wantsJson) terminal.json({ next: page.next });
    else terminal.say(`There are more: ${clean(nextPage(who, category, page.next, options))}`);
  }
  return EXIT.done;
}

function nextPage(who: string, category: string, after: string, { search, limit }: ItemsOptions): string {
  const searched = search === undefined ? [] : ['--search', search];
  return commandLine('items', who, category, ...searched, '--limit', limit, '--after', after);
}

async function categoryOf(
  { reach }: Session,
  given: string,
): Promise<{ connector: Connector; name: string }> {
  const [system = '', name = '', more] = given.split('/');
  if (!system || !name || more !== undefined)
    throw new Problem(
      'usage',
      `A category is named system/category, such as workspace/open_tasks; given was "${given}".`,
    );
  const { names } = await reach.systems();
  if (!names.includes(system))
    throw new Problem('not-found', `There is no system "${system}"; configured are ${names.join(', ')}.`);
  const connector = await reach.system(system);
  if (!connector.categories.some(one => one.category === name)) {
    throw new Problem(
      'not-found',
      `${connector.title} has no category "${name}"; its catalog knows ${connector.categories.map(one => one.category).join(', ')}.`,
    );
  }
  return { connector, name };
}

/** The accounts that the plan has pinned; for somebody without a run, whoever the system recognises now. */
async function accountsOf(
  session: Session,
  who: string,
  connector: Connector,
): Promise<{ accounts: readonly Account[]; plan: Plan | null }> {
  const { reach } = session;
  const { system, title } = connector;
  const workflow = isOffboardingId(who) ? null : await workflowOf(reach, who);
  const run = workflow ? await describe(reach, workflow.workflowId) : await findRun(reach, who);
  if (run && run.kind !== 'offboarding')
    throw new Problem(
      'usage',
      `${run.workflowId} is ${A_KIND[run.kind]}: name the person, or the offboarding before it.`,
    );
  const plan =
    run?.status === 'RUNNING' || (run && isOffboardingId(who)) ? (await readStatus(reach, run)).plan : null;
  const pinned = plan?.accounts.find(one => one.system === system)?.accounts;
  if (pinned && pinned.length > 0) return { accounts: pinned, plan };
  if (pinned) throw new Problem('not-found', `By its plan this person has no account in ${title}.`);
  const id =
    (workflow ?? run)?.workflowId.slice(
      idsOf((await reach.installation()).config.installation).offboardings.length,
    ) ?? '';
  const person = await onePerson(reach, `id:${id}`);
  const home = system === (await reach.systems()).directory;
  const resolution = await connector.resolveAccounts(soughtBy(person, home), {});
  switch (resolution.kind) {
    case 'found':
      return { accounts: resolution.accounts, plan: null };
    case 'absent':
      throw new Problem('not-found', `${clean(person.name)} has no account in ${title}.`);
    case 'ambiguous': {
      const candidates = resolution.candidates.map(one => `${one.label} (${one.id})`).join(', ');
      throw new Problem(
        'usage',
        clean(
          `${person.name} may be several accounts in ${title}: ${candidates}. Say which: ${saidBy(run, id, system, resolution.identity)}`,
        ),
      );
    }
  }
}

/** How people say which account is meant: in the run there is, or in a request for one. */
function saidBy(run: LiveRun | null, person: string, system: string, identity: string): string {
  if (run?.status === 'RUNNING')
    return decisionLine(run.workflowId, {
      message: 'amend',
      json: { by: '', identities: { [system]: { [identity]: '' } } },
    });
  return commandLine('start', `id:${person}`, '--identity', `${system}:${identity}=…`, '--by', '…');
}

/** Item key → its successor by the plan's manifest. */
async function successorsOf(
  { reach }: Session,
  plan: Plan,
  step: string,
  keys: string[],
): Promise<Map<string, { personId: string | null; label: string }>> {
  const store = await reach.store();
  // A run carries its plan in outline; an item's successor is a place in the whole list.
  const whole = (await store.plans.find(plan.digest)) ?? plan;
  const successors = whole.steps.find(one => one.id === step)?.successors ?? [];
  const takers = await store.trail.takers(plan.manifest, step, keys);
  return new Map(
    [...takers].flatMap(([key, index]) => {
      const successor = successors[index];
      return successor ? [[key, { personId: successor.personId, label: successor.label }] as const] : [];
    }),
  );
}
