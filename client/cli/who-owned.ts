/** `handover who-owned`: one item's past. Who held it, when it moved, to whom, and on whose word. */
import type { Command } from '@commander-js/extra-typings';
import type { Store } from '../../store/store.js';
import { ownersOf, type Passage } from '../audit/owners.js';
import { clean } from '../clean.js';
import { Problem } from '../problem.js';
import { type Context, inSession, newCommand } from './command.js';
import { EXIT } from './exit.js';

export function registerWhoOwned(program: Command, context: Context): void {
  program.addCommand(
    newCommand('who-owned')
      .argument('<item>', 'its key (several columns as JSON: \'["4711","de"]\'), or system/category/key')
      .option('--system <name>', 'only in this system')
      .option('--category <system/category>', 'only in this category')
      .action((key, options) =>
        inSession(context, options, async ({ reach, terminal }) => {
          const step = stepFilter(options.system, options.category);
          const passages = await search(await reach.store(), key, step);
          if (passages.length === 0) {
            throw new Problem(
              'not-found',
              `No plan ever named an item "${clean(key)}"${step ? ` in ${step}` : ''}. Keys are written as the system writes them; "handover items" shows them.`,
            );
          }
          for (const passage of passages) terminal.json(passage);
          for (const passage of passages) for (const line of tell(passage)) terminal.say(clean(line));
          return EXIT.done;
        }),
      ),
  );
}

/** `workspace/open_tasks/4711` says all three; a key with slashes of its own is tried as it is, too. */
async function search(store: Store, given: string, step: string | null): Promise<Passage[]> {
  const [, category, key] = given.match(/^([a-z][a-z0-9_]*\/[a-z][a-z0-9_]*)\/(.+)$/s) ?? [];
  const found = step === null && category && key ? await ownersOf(store, key, category) : [];
  return found.length > 0 ? found : ownersOf(store, given, step);
}

function stepFilter(system: string | undefined, category: string | undefined): string | null {
  if (category?.includes('/')) {
    if (system && !category.startsWith(`${system}/`))
      throw new Problem('usage', `--category ${category} is not in --system ${system}: name one of them.`);
    return category;
  }
  if (category && !system)
    throw new Problem('usage', 'Name the category with its system: --category workspace/open_tasks.');
  if (category) return `${system}/${category}`;
  return system ? `${system}/` : null;
}

function tell(passage: Passage): string[] {
  const { step, key, from, to, at, fate, plan, why } = passage;
  const target = to ? called(to.label, to.personId) : 'nobody';
  const holder = called(from.name, from.id);
  const WORDS: Record<Passage['fate'], string> = {
    moved: `${time(at)} from ${holder} to ${target}`,
    removed: `${time(at)} taken from ${holder}, who held it until then`,
    revoked: `${time(at)} revoked, as one of ${from.name}'s (id:${from.id})`,
    cleared: `${time(at)} cleared of ${holder}, who held it until then`,
    'given-back': `${time(at)} given back by ${holder} to ${target}`,
    planned: `held by ${holder} on ${time(plan.made)}; planned for ${target}, not moved`,
    unsettled: `${time(at)} from ${holder} to ${target}: sent, but nobody has settled yet whether it happened`,
    'not-moved': `${time(at)} not moved from ${holder}: ${why ?? 'no reason recorded'}`,
    acknowledged: `held by ${holder} on ${time(plan.made)}; left to people, not moved by Handover`,
  };
  const approvals = plan.approvedBy.map(one => `${one.name} ${time(one.at)} (${one.identity})`);
  return [
    `${step} ${key}`,
    `  ${WORDS[fate]}`,
    `  by plan ${plan.revision} ${plan.digest.slice(0, 12)} of offboarding ${passage.offboarding}${passage.workflow ? ` (${passage.workflow})` : ''}`,
    `  ${approvals.length > 0 ? `approved by ${approvals.join(', ')}` : 'approved by nobody'}`,
    ...(passage.receipt
      ? [
          `  receipt: page ${passage.receipt.page}, ${passage.receipt.mark}, owner column ${ownerColumn(passage.receipt, to)}`,
        ]
      : []),
  ];
}

function called(name: string, id: string | null): string {
  return id === null ? name : `${name} (id:${id})`;
}

/** Only a transfer writes somebody into it; what else happens to it is the catalog's to say. */
function ownerColumn(receipt: NonNullable<Passage['receipt']>, to: Passage['to']): string {
  return `${receipt.from ?? 'nobody'}${to ? ` → ${receipt.to ?? 'nobody'}` : ''}`;
}

function time(iso: string | null): string {
  return iso ? `${iso.slice(0, 19).replace('T', ' ')} UTC` : '';
}
