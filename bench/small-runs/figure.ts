/**
 * Two hundred people leave at once: what the engine costs beyond what people would do without it. Four
 * references on the same server, in the same rounds:
 *
 *   by hand          the workflow that a good engineer writes from Temporal's samples (bench/by-hand): what a
 *                    user would really pick instead. Compared is the processor time of everything: Temporal's
 *                    server, PostgreSQL, the worker.
 *   no-ops           as many workflows whose activities do nothing: as many of them as an offboarding has in
 *                    all its workflows, started in one breath where the engine starts them in one breath,
 *                    with the same messages to wait for.
 *   two no-op        the same in two workflows for each offboarding, as the engine has them: front door and
 *                    run. What lies between
 *   workflows each   the two is Temporal's price for them.
 *   bare             the two no-op workflows again, with the statements in them that the design demands of each
 *                    activity, and nothing else (bench/bare): the floor of the first figure.
 *
 * Times are Temporal's own: from the first start to the last close, the look that archives everything
 * included. The references' messages are sent at once; the engine's when the plan is there, since they name
 * it.
 */
import { compared, type Effort, type Line, type Measured, median, seconds } from '../harness/figure.js';
import { withServers } from '../harness/servers.js';
import { activitiesIn, shapeOf } from '../noop/shape.js';
import type { Parts } from '../noop/workflow.js';
import { runBare } from './bare.js';
import { offboardAllByHand } from './by-hand.js';
import { runNoops } from './noops.js';
import { offboardAll } from './ours.js';
import { describe, perRun, type Round } from './round.js';

/** Times the processor time of the workflow written by hand; 1.5 is aimed at. */
const LIMIT_BY_HAND = 2.0;
const MOST = { activities: 30, events: 250 };

export async function smallRuns({ rounds, quick, say }: Effort): Promise<Measured> {
  const size = { leavers: quick ? 10 : 200, items: quick ? 120 : 1200 };
  return withServers(async servers => {
    const ours: Round[] = [];
    const hand: Round[] = [];
    const noops: Round[] = [];
    const two: Round[] = [];
    const bare: Round[] = [];
    let parts: Parts = { door: [], run: [] };
    for (let round = 0; round < rounds; round++) {
      const temporal = await servers.temporal();
      const offboardings = await offboardAll(servers, temporal, `${round}`, size);
      ours.push(offboardings);
      hand.push(await offboardAllByHand(servers, temporal, `${round}_by_hand`, size));
      parts = offboardings.parts;
      const one = { shape: [...parts.door, ...parts.run] };
      const runs = size.leavers;
      noops.push(await runNoops(servers, temporal, { runs, queue: 'noops', type: 'noop', input: one }));
      two.push(await runNoops(servers, temporal, { runs, queue: 'twos', type: 'noopDoor', input: parts }));
      bare.push(await runBare(servers, temporal, `${round}_bare`, size, parts));
      await temporal.stop();
      const took = [ours, hand, noops, two].map(all => seconds(all.at(-1)!.ms));
      const spent = [ours, hand, bare].map(all => `${perRun(all, runs).at(-1)!.toFixed(0)} ms`);
      say(
        `round ${round + 1}: ours ${took[0]}, by hand ${took[1]}, no-ops ${took[2]}, ` +
          `two no-op workflows each ${took[3]}; processor time per run: ours ${spent[0]}, by hand ${spent[1]}, bare ${spent[2]}`,
      );
    }
    const runs = size.leavers;
    return {
      lines: [
        compared('small-runs-by-hand', perRun(ours, runs), perRun(hand, runs), LIMIT_BY_HAND, {
          runs,
          wall_clock: ratioOf(times(ours), times(hand)),
          // What nothing of ours can get below: workflows of this shape whose activities cost nothing.
          floor_one_workflow: ratioOf(perRun(noops, runs), perRun(hand, runs)),
          floor_two_workflows: ratioOf(perRun(two, runs), perRun(hand, runs)),
          // And with the statements in them that the design demands.
          floor: ratioOf(perRun(bare, runs), perRun(hand, runs)),
        }),
        ...besideNoops(ours, noops, two, { runs, parts }),
      ],
      profile: [
        describe('ours', ours, runs),
        describe('by hand', hand, runs),
        describe('no-ops', noops, runs),
        describe('two no-op workflows each', two, runs),
        describe('bare', bare, runs),
      ],
    };
  });
}

function besideNoops(
  ours: Round[],
  noops: Round[],
  two: Round[],
  { runs, parts }: { runs: number; parts: Parts },
): Line[] {
  const all = compared('small-runs', times(ours), times(noops), null, {
    runs,
    activities_with_front_door: activitiesIn([...parts.door, ...parts.run]),
  });
  const histories = ours.flatMap(round => round.histories);
  const activities = Math.max(...histories.map(run => activitiesIn(shapeOf(run))));
  const events = Math.max(...histories.map(run => run.events?.length ?? 0));
  const within = (name: string, found: number, most: number): Line => ({
    name: `small-runs-${name}`,
    ours_ms: all.ours_ms,
    reference_ms: null,
    ratio: Number((found / most).toPrecision(3)),
    limit: 1,
    [name]: found,
    [`limit_${name}`]: most,
  });
  return [
    all,
    compared('small-runs-two-workflows', times(ours), times(two), null, {
      two_to_one: ratioOf(times(two), times(noops)),
    }),
    within('activities', activities, MOST.activities),
    within('events', events, MOST.events),
  ];
}

function times(rounds: readonly Round[]): number[] {
  return rounds.map(round => round.ms);
}

function ratioOf(ours: readonly number[], reference: readonly number[]): number {
  return Number((median(ours) / median(reference)).toPrecision(3));
}
