/**
 * Who is about in the town: people who ask for offboardings of every kind, people who send every message well
 * and badly, and people who see each run to its end once the town is quiet.
 */
import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import type { Status } from '../../../workflows/messages.js';
import type { Cast, Who } from '../../small-world/cast.js';
import type { Dice } from '../dice.js';
import { anybody, hostile, type Message } from '../directed/messages.js';
import type { FaultWorld } from '../fault-world.js';
import { pause } from '../faults.js';

/** A run that somebody has asked for. */
export interface Asked {
  family: Cast;
  run: string;
}

/** Orders of every kind, some of them wrong. */
export function drawOrder(cast: Cast, dice: Dice): Record<string, unknown> {
  const soon = (): string => new Date(Date.now() + dice.whole(2_000, 20_000)).toISOString();
  const more = dice.pick<() => Record<string, unknown>>([
    () => ({}),
    () => ({}),
    () => ({ mode: 'preview' }),
    () => ({ mode: 'execute-only' }),
    () => ({ departure: 'unplanned' }),
    () => ({ effectiveAt: soon() }),
    () => ({ successor: { 'round-robin': [cast.maya.email, cast.bob.email] } }),
    () => ({ successor: cast.bob.email, note: 'x'.repeat(dice.whole(0, 5_000)) }),
    () => ({ successor: cast.alice.email }),
    () => ({ user: cast.bob.email, successor: cast.maya.email }),
    () => ({ requestedBy: cast.alias.email }),
    () => ({ successors: { 'desk/tickets': dice.pick(['unassigned', 'queue:second', cast.lara.email]) } }),
    () => ({ mode: 'everything' }),
  ])();
  return { user: cast.alice.email, requestedBy: cast.olivia.email, successor: 'manager', ...more };
}

/** Asks through the front door; the run that is open then, or null where none was started. */
export async function ask(world: FaultWorld, cast: Cast, order: unknown): Promise<Asked | null> {
  const answer = await world.offboardings.ask(order, { timeoutMs: 20_000 });
  if (!('answer' in answer) || answer.answer === 'not-started') return null;
  return { family: cast, run: answer.workflowId };
}

export interface Sent {
  well: number;
  badly: number;
  /** Nobody answered in time, or a server was away. */
  unanswered: number;
}

/** Sends whatever comes to mind, to whichever run is open, until told to stop. */
export async function meddle(
  world: FaultWorld,
  runs: () => readonly Asked[],
  dice: Dice,
  over: () => boolean,
  sent: Sent,
): Promise<void> {
  while (!over()) {
    const open = runs();
    if (open.length > 0) {
      const one = dice.pick(open);
      const well = dice.chance(0.5);
      try {
        if (well) await whatFits(world, one, dice);
        else await send(world, one, drawn(dice));
        sent[well ? 'well' : 'badly']++;
      } catch {
        sent.unanswered++;
      }
    }
    await pause(dice.whole(200, 3_000));
  }
}

function drawn(dice: Dice): Message {
  const kind = dice.chance(0.5) ? hostile : anybody;
  return fc.sample(kind, { seed: dice.whole(1, 2 ** 30), numRuns: 1 })[0]!;
}

async function send(world: FaultWorld, { family, run }: Asked, message: Message): Promise<void> {
  const { name, way, by } = message;
  const status = by ? await world.offboardings.status(run) : null;
  const text = JSON.stringify(message.payload)?.replaceAll(
    '"$plan"',
    JSON.stringify(status?.plan?.digest ?? ''),
  );
  const payload = text === undefined ? undefined : JSON.parse(text);
  const whole = by ? { by: family[by].email, ...payload } : payload;
  if (way === 'signal') await world.offboardings.tell(run, name, whole);
  else await world.offboardings.decide(run, name, whole, { timeoutMs: 5_000 });
}

const WHO: Record<string, Who[]> = {
  approve: ['priya', 'daniel'],
  reject: ['priya'],
  execute: ['olivia'],
};

/** One of the messages that the run itself offers, by somebody who may send it. */
async function whatFits(world: FaultWorld, one: Asked, dice: Dice): Promise<void> {
  const { next } = await world.offboardings.status(one.run);
  // What ends a run is rarely meant.
  const mild = next.filter(
    ({ message }) => !['reject', 'cancel', 'finish'].includes(message) || dice.chance(0.05),
  );
  if (mild.length === 0) return;
  const { message, json } = dice.pick(mild);
  await decide(world, one, message, json, dice);
}

async function decide(
  world: FaultWorld,
  { family, run }: Asked,
  message: string,
  json: Record<string, unknown>,
  dice: Dice,
): Promise<string> {
  const by = family[dice.pick(WHO[message] ?? (['olivia', 'oscar'] satisfies Who[]))].email;
  const blank = message === 'cancel' ? { access: 'keep' } : {};
  const filled = Object.fromEntries(
    Object.entries({ ...json, ...blank, by }).map(([key, value]) => [
      key,
      value === '' ? 'as it came' : value,
    ]),
  );
  const answer = await world.offboardings.decide(run, message, filled, {
    id: randomUUID(),
    timeoutMs: 10_000,
  });
  return answer.verdict;
}

/** Sees a run to its end, as patient people do: with what it offers, and with `finish` or `cancel` in the end. */
export async function conclude(world: FaultWorld, one: Asked, dice: Dice, deadline: number): Promise<Status> {
  const began = Date.now();
  for (;;) {
    const status = await world.offboardings.status(one.run).catch(() => null);
    if (status?.state === 'closed') return status;
    if (Date.now() > deadline)
      throw new Error(`${one.run} does not end; it is in "${status?.state}": ${status?.sentence}`);
    const message = status && nextFor(status, Date.now() - began);
    if (message)
      await decide(
        world,
        one,
        message,
        status.next.find(next => next.message === message)?.json ?? {},
        dice,
      ).catch(() => 'unknown');
    await pause(400);
  }
}

/** Patience ends: a preparation that finds the same again takes seconds each time. */
const PATIENT_MS = 30_000;

function nextFor(status: Status, waitedMs: number): string | null {
  const offers = (message: string): boolean => status.next.some(next => next.message === message);
  if (offers('resume')) return 'resume';
  switch (status.state) {
    case 'awaiting-approval':
      return offers('acknowledge')
        ? 'acknowledge'
        : offers('approve')
          ? 'approve'
          : waitedMs > PATIENT_MS
            ? 'cancel'
            : null;
    case 'needs-attention':
      return waitedMs > PATIENT_MS ? 'finish' : 'retry';
    case 'needs-correction':
      return waitedMs > PATIENT_MS ? 'cancel' : 'retry';
    case 'scheduled':
      return waitedMs > PATIENT_MS * 2 ? 'cancel' : null;
    default:
      return waitedMs > PATIENT_MS * 4 ? 'cancel' : null;
  }
}
