/** Gives back what a batch or an access change did. */
import type { Done, Undoing } from '../../domain/effect.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { Witness } from '../connector.js';
import type { Target } from './target.js';

export function restore(target: Target, _undoing: Undoing, _witness: Witness, _signal?: AbortSignal): Promise<Done> {
  throw new HandoverFailure('configuration', `${target.system}: not yet`);
}
