/**
 * A second workflow that takes decisions: a parcel waits for somebody to take it. Its state, its rules, its
 * story, and nothing else.
 */
import { condition } from '@temporalio/workflow';
import { z } from 'zod';
import type { Sender } from '../../domain/judge.js';
import type { Refusal } from '../../domain/people.js';
import { messageParser } from '../../domain/request.js';
import { openInbox } from '../../workflows/inbox.js';

const by = z.string().min(1);
const schemas = { take: z.strictObject({ by }), label: z.strictObject({ by, text: z.string().max(20) }) };
type Decision = { name: 'take'; by: string } | { name: 'label'; by: string; text: string };

export interface Parcel {
  labels: string[];
  takenBy: string | null;
  decided: number;
  /** The last twenty. */
  refused: Refusal[];
  /** Refusals that the trail only counts. */
  counted: number;
}

export async function parcel(id: string): Promise<Parcel> {
  const state: Parcel = { labels: [], takenBy: null, decided: 0, refused: [], counted: 0 };
  const inbox = openInbox<Decision>({
    trail: id,
    messages: { take: 'Take the parcel: {"by"}', label: 'Put a label on it: {"by", "text"}' },
    parse: messageParser<Decision['name'], Decision>(schemas, {
      take: '{"by": "you@example.com"}',
      label: '{"by": "you@example.com", "text": "fragile"}',
    }),
    judge: (decision, who) => judge(state, decision, who),
    judged({ judged, refused, counted }) {
      state.decided += judged;
      state.refused = [...state.refused, ...refused].slice(-20);
      state.counted += counted.length;
    },
    now: () => ({ state: state.takenBy ? 'taken' : 'waiting', plan: null }),
  });
  await condition(() => state.takenBy !== null);
  inbox.note({
    notice: 'taken',
    on: 'taking',
    state: 'taken',
    audience: ['operators'],
    sentence: 'The parcel is gone.',
    since: null,
  });
  await inbox.settled();
  return state;
}

function judge(state: Parcel, decision: Decision, who: Sender): { accepted: boolean; sentence: string } {
  switch (decision.name) {
    case 'label':
      if (decision.text === 'stumble') throw new Error('the rule stumbled');
      state.labels.push(decision.text);
      return { accepted: true, sentence: `Labelled "${decision.text}".` };
    case 'take':
      if (!who.operator) return { accepted: false, sentence: `${who.name} may not take parcels.` };
      state.takenBy = who.name;
      return { accepted: true, sentence: 'Taken.' };
  }
}
