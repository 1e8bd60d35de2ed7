/** The verbs of the activities, with their dependencies bound. Workflows import the type alone. */
import { blockAccess, restoreAccess } from './access.js';
import { resolveAccounts } from './accounts.js';
import { makeRoom } from './after.js';
import { archiveClosed } from './archive.js';
import { asActivities } from './attempt.js';
import { lookAtBombs } from './bombs.js';
import { deactivate } from './deactivate.js';
import { asOfNow, type Deps } from './deps.js';
import { endGiveBack, openGiveBack, placeMoment, planGiveBack, returnSteps } from './give-back.js';
import { answerInquiry } from './inquire.js';
import { look, lookOnceMore } from './look.js';
import { makePlan } from './make-plan.js';
import { identify, introduce, openRequest, standing } from './people.js';
import { ofOurWorkers } from './principals.js';
import { closeRun, record, settleLedger } from './record.js';
import { runSteps, stepsSoFar } from './run-steps.js';
import { closeRound, endSweep, openSweep, planRound, sweepLook } from './sweep.js';
import { tellTrouble } from './trouble.js';
import { lookIfDone } from './watch.js';

/** First argument bound, anew for every attempt. */
function bind<I, O>(deps: Deps, verb: (deps: Deps, input: I) => Promise<O>): (input: I) => Promise<O> {
  return input => verb(asOfNow(deps), input);
}

export function createActivities(deps: Deps) {
  return asActivities(
    {
      identify: bind(deps, identify),
      introduce: bind(deps, introduce),
      openRequest: bind(deps, openRequest),
      standing: bind(deps, standing),
      resolveAccounts: bind(deps, resolveAccounts),
      blockAccess: bind(deps, blockAccess),
      restoreAccess: bind(deps, restoreAccess),
      look: bind(deps, look),
      lookOnceMore: bind(deps, lookOnceMore),
      makePlan: bind(deps, makePlan),
      runSteps: bind(deps, ofOurWorkers(runSteps)),
      stepsSoFar: bind(deps, stepsSoFar),
      deactivate: bind(deps, ofOurWorkers(deactivate)),
      record: bind(deps, record),
      makeRoom: bind(deps, makeRoom),
      openSweep: bind(deps, openSweep),
      sweepLook: bind(deps, sweepLook),
      planRound: bind(deps, planRound),
      closeRound: bind(deps, closeRound),
      endSweep: bind(deps, endSweep),
      lookAtBombs: bind(deps, lookAtBombs),
      openGiveBack: bind(deps, openGiveBack),
      placeMoment: bind(deps, placeMoment),
      planGiveBack: bind(deps, planGiveBack),
      returnSteps: bind(deps, returnSteps),
      endGiveBack: bind(deps, endGiveBack),
      settleLedger: bind(deps, settleLedger),
      closeRun: bind(deps, closeRun),
      archiveClosed: bind(deps, archiveClosed),
      lookIfDone: bind(deps, lookIfDone),
      answerInquiry: bind(deps, answerInquiry),
    },
    deps.patience,
    sentence => tellTrouble(deps, sentence),
  );
}

export type Activities = ReturnType<typeof createActivities>;
