/**
 * The independent checker: invariants I1-I10 and I15-I22 (test/README.md says them in words), over two
 * databases and a store. It knows the small world by its own description (ground.ts), sees every change through the
 * witness, and shares no code with the engine.
 */
import { checkBesides } from './besides.js';
import { checkClaims } from './claims.js';
import type { Db } from './evidence.js';
import { type Before, gather } from './evidence.js';
import { checkGiveBacks } from './give-backs.js';
import { checkDeactivation, checkKept, checkMoves, checkRows } from './reality.js';
import { checkApprovedSet, checkAudit, checkLedger } from './record.js';
import { checkSweeps } from './sweeps.js';
import { tie } from './tie.js';
import type { Say, Violation } from './violation.js';

/** The run must be at rest: closed, parked, or waiting for people. */
export async function checkInvariants(db: Db, before: Before): Promise<Violation[]> {
  const violations: Violation[] = [];
  const say: Say = (invariant, message) => violations.push({ invariant, message });
  const tied = tie(await gather(db, before), say);
  checkRows(tied, say);
  checkMoves(tied, say);
  checkKept(tied, say);
  checkLedger(tied, say);
  checkBesides(tied, say);
  checkApprovedSet(tied, say);
  checkDeactivation(tied, say);
  checkAudit(tied, say);
  checkClaims(tied, say);
  checkSweeps(tied, say);
  checkGiveBacks(tied, say);
  return violations;
}
