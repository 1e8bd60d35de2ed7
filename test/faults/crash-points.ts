/**
 * Places at which a worker process kills itself, named in HANDOVER_CRASH_AT as `<name>:<point>:<n>`: the nth
 * time that this process passes there. Nothing of it is product code: activities are wrapped from outside,
 * and so are the connectors behind them.
 *
 *   <activity>   a  before the activity begins          runSteps:a:1
 *                b  its effects are done, its result is not reported
 *                c  its result has been reported: dies when the next activity begins, or a quarter of a
 *                   second later
 *   batch        a  before the batch's transaction      batch:r:3
 *   restore      the same where an effect is given back
 *   switch       r  the receipt is stored as intended, COMMIT is not sent   (blocks and deactivations are
 *                   switches)
 *                b  after COMMIT, before anything is done with its answer
 */
import type { Systems } from '../../activities/deps.js';
import type { Connector } from '../../connectors/connector.js';

export type Pass = (name: string, point: string) => void;

/** Counts passes and dies at the armed one. Without an order nothing ever happens. */
export function crashPoint(
  order: string | undefined,
  die = () => process.kill(process.pid, 'SIGKILL'),
): Pass {
  const [name, point, nth] = order?.split(':') ?? [];
  if (order !== undefined && !(name && /^[abcr]$/.test(point ?? '') && Number(nth) > 0))
    throw new Error(
      `HANDOVER_CRASH_AT is "${order}"; it must be <activity|batch|restore|switch>:<a|b|c|r>:<n>, such as runSteps:b:1.`,
    );
  let passes = 0;
  return (passing, at) => {
    if (passing === name && at === point && ++passes === Number(nth)) die();
  };
}

const REPORTED_MS = 250;

/** Activities that pass their points. */
export function crashingActivities<T extends object>(activities: T, pass: Pass): T {
  // What the last activities have to pass once their results are reported.
  const reported: (() => void)[] = [];
  const settle = (): void => {
    for (const one of reported.splice(0)) one();
  };
  return Object.fromEntries(
    Object.entries(activities as Record<string, (input: unknown) => Promise<unknown>>).map(([name, verb]) => [
      name,
      async (input: unknown) => {
        settle();
        pass(name, 'a');
        const result = await verb(input);
        pass(name, 'b');
        reported.push(() => pass(name, 'c'));
        setTimeout(settle, REPORTED_MS);
        return result;
      },
    ]),
  ) as T;
}

/** From now on the systems' connectors pass the points of batches and switches. */
export function crashInConnectors(systems: Systems, pass: Pass): void {
  const open = systems.get.bind(systems);
  systems.get = async system => crashingConnector(await open(system), pass);
}

function crashingConnector(connector: Connector, pass: Pass): Connector {
  return {
    ...connector,
    async apply(work, witness, signal) {
      const name = work.kind === 'batch' ? 'batch' : 'switch';
      pass(name, 'a');
      const intend: typeof witness.intend = async intent => {
        await witness.intend(intent);
        pass(name, 'r');
      };
      const done = await connector.apply(work, { intend }, signal);
      pass(name, 'b');
      return done;
    },
    async restore(undoing, witness, signal) {
      pass('restore', 'a');
      const intend: typeof witness.intend = async intent => {
        await witness.intend(intent);
        pass('restore', 'r');
      };
      const done = await connector.restore(undoing, { intend }, signal);
      pass('restore', 'b');
      return done;
    },
  };
}
