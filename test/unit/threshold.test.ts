/**
 * What a worker reads ahead is refused, and nothing else: activations as the core sends them, and what has been
 * read of the history by then. On a real server: test/threshold, e2e/taken-up.
 */
import type { ActivateInput } from '@temporalio/workflow';
import { expect, test } from 'vitest';
import { NOT_YET } from '../../workflows/messages.js';
import { interceptors } from '../../workflows/threshold.js';

type Activation = ActivateInput['activation'];

/** A task began at second 100, the run's third event, with so many bytes of history. */
function activation(more: Partial<Activation> & { at?: number }): Activation {
  const { at = 100, ...rest } = more;
  return {
    timestamp: { seconds: at, nanos: 1 },
    historyLength: 3,
    historySizeBytes: 500,
    isReplaying: false,
    jobs: [{ resolveActivity: { seq: 1 } }],
    ...rest,
  } as unknown as Activation;
}

/** What comes of the last of some activations of one workflow. */
function comesOf(...all: Activation[]): string {
  const activate = interceptors().internals![0]!.activate!;
  let said = '';
  for (const one of all) {
    said = 'goes on';
    try {
      activate({ activation: one, batchIndex: 0 }, () => {});
    } catch (error) {
      said = (error as Error).message;
    }
  }
  return said;
}

const replayed = activation({ isReplaying: true });
const asked = activation({ isReplaying: true, jobs: [{ queryWorkflow: {} }] as Activation['jobs'] });
const signal = [{ signalWorkflow: { signalName: 'go', input: [] } }] as unknown as Activation['jobs'];
const update = [{ doUpdate: { name: 'go', input: [] } }] as unknown as Activation['jobs'];

test.each([
  ['more of the history, and the time of the task before it', [replayed, activation({ historyLength: 5 })]],
  ['the same with a message', [replayed, activation({ historyLength: 5, jobs: signal })]],
  ['the same once it was asked something', [replayed, asked, activation({ historyLength: 5 })]],
  ['the same behind a task that woke it twice', [replayed, activation({}), activation({ historyLength: 5 })]],
])('%s is read ahead', (_, all) => {
  expect(comesOf(...all)).toBe(NOT_YET);
});

test.each([
  ['what the core answers within the same task', [activation({}), activation({})]],
  ['the same in a task that was replayed', [replayed, activation({})]],
  ['a task of its own', [replayed, activation({ at: 101, historyLength: 5 })]],
  [
    'a task of its own that began in the same moment',
    [replayed, activation({ historyLength: 5, historySizeBytes: 600 as never })],
  ],
  ['what is replayed', [replayed, activation({ historyLength: 5, isReplaying: true })]],
  [
    'an update, which is no part of the history yet',
    [replayed, activation({ historyLength: 5, jobs: update })],
  ],
  ['the first task', [activation({})]],
] as [string, Activation[]][])('%s is not read ahead', (_, all) => {
  expect(comesOf(...all)).toBe('goes on');
});
