/**
 * Generated worlds of look-alikes, each under a seed that is printed and repeats it:
 *
 *   HANDOVER_WORLD_SEED=4711 npx vitest run test/look-alikes      exactly this one
 *   HANDOVER_WORLDS=500 npx vitest run test/look-alikes           so many new ones (default: 20)
 *
 * Whatever happens, "nothing is left" is only said where the model finds nothing, and nothing of anybody else's
 * was touched. Operators answer questions as people would who know their colleagues.
 */
import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Status } from '../../workflows/messages.js';
import { dice } from '../faults/dice.js';
import { type DrawnWorld, drawWorld, type Happening, type Moment } from './draw.js';
import { humanOf, snapshot, stillTheirs, stolen, Truth } from './truth.js';
import { AT_REST, useLookAlikes } from './world.js';

/** What happens just before the first batch moves, and before the first account is switched off. */
const due: Partial<Record<Moment, () => Promise<void>>> = {};
async function happen(moment: Moment): Promise<void> {
  const act = due[moment];
  delete due[moment];
  await act?.();
}

const it = useLookAlikes({
  wrap: activities => ({
    ...activities,
    async runSteps(input: Parameters<typeof activities.runSteps>[0]) {
      await happen('moving');
      return activities.runSteps(input);
    },
    async deactivate(input: Parameters<typeof activities.deactivate>[0]) {
      await happen('switching');
      return activities.deactivate(input);
    },
  }),
});

const given = process.env.HANDOVER_WORLD_SEED;
const seeds = given
  ? [Number(given)]
  : Array.from({ length: Number(process.env.HANDOVER_WORLDS ?? 20) }, () => randomInt(1, 2 ** 31));
/** So often people answer before they give up: what they are asked then is what the run ends with. */
const PATIENCE = 6;

async function apply({ staff, board }: Happening): Promise<void> {
  if (staff) await it.staff(staff);
  if (board) await it.board(board);
}

/** Which accounts of the board people would say are Zoe's: all that nobody else has a claim to. */
async function named(): Promise<string[]> {
  const truth = new Truth(await snapshot(it));
  const zoe = humanOf(truth.at, it.zoe());
  return truth.at.members
    .filter(member => truth.account(member).every(human => human === zoe) && /^Zoe/.test(String(member.name)))
    .map(({ id }) => String(id));
}

/** Answers what is asked until nothing is asked any more, or people have had enough. */
async function decideAll(status: Status): Promise<Status> {
  let now = status;
  let said = '';
  for (let n = 0; n < PATIENCE && now.state !== 'closed'; n++) {
    const { since, state, findings } = now;
    if (state === 'awaiting-approval') {
      now = await it.agree();
      continue;
    }
    if (findings.some(({ code }) => code === 'account-ambiguous')) {
      const user = await named();
      // Who has said all they know leaves the run where it is.
      if (said === user.join()) return now;
      said = user.join();
      await it.say('amend', 'ola', { identities: { board: { user } } });
    } else if (state === 'needs-correction') await it.say('retry', 'ola');
    else await it.say('amend', 'ola');
    now = await it.until(one => one.since !== since && AT_REST.includes(one.state));
  }
  return now;
}

function told({ first, then }: DrawnWorld): string {
  const meanwhile = then.map(({ moment, happening }) => `${moment}: ${happening.what}`);
  return [...first.map(({ what }) => what), ...meanwhile].join('; ');
}

test.each(seeds)('HANDOVER_WORLD_SEED=%i: what is said of who is left with what is true', async seed => {
  const world = drawWorld(dice(seed));
  for (const happening of world.first) await apply(happening);
  const before = new Truth(await snapshot(it));
  for (const moment of ['moving', 'switching'] as const) {
    const mine = world.then.filter(one => one.moment === moment);
    due[moment] = async () => {
      for (const { happening } of mine) await apply(happening);
    };
  }
  const planned = await it.ask();
  for (const { happening } of world.then.filter(one => one.moment === 'planned')) await apply(happening);
  const ended = await decideAll(planned);
  const after = new Truth(await snapshot(it));
  const zoe = humanOf(after.at, it.zoe());
  const how = `${told(world)} → ${ended.state}: ${ended.sentence}`;
  const warnings = (ended.plan?.accounts ?? []).flatMap(account => account.warnings ?? []);
  const warned = new Set(warnings.flatMap(says => /\((\d+)\) belongs to/.exec(says)?.[1] ?? []));
  expect(stolen(zoe, it.zoe() + 1, before, after, warned), how).toEqual([]);
  if (ended.state === 'closed' && ended.sentence.includes('nothing is left'))
    expect(stillTheirs(zoe, before, after), how).toEqual([]);
  console.log(`HANDOVER_WORLD_SEED=${seed}: ${how}`);
});
