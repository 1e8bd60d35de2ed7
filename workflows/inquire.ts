/**
 * Asks a worker something that only a worker can answer: who somebody is, what they hold. Question and answer
 * lie in the store under this id, so that no history names people or shows items.
 */
import { ApplicationFailure } from '@temporalio/workflow';
import { ask, inquiring } from './proxies.js';

/** @returns what was asked; the answer is taken from the store. */
export async function inquire(id: string): Promise<string> {
  const answered = await ask(inquiring.answerInquiry, 'Looks something up for the gateway', { id });
  if (!answered.ok) throw ApplicationFailure.nonRetryable(answered.sentence, answered.kind);
  return answered.value.asked;
}
