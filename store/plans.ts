/** Plans by digest, and the register of open runs. */
import { canonicalJson, type Plan } from '../domain/plan.js';
import { inTransaction, type Pool, sha256 } from './database.js';
import { LeftBehind } from './ledger.js';

export interface Plans {
  /** Computes the digest, stores the plan and returns it complete. Of two plans for one revision of a run the first one stands. */
  save(plan: Omit<Plan, 'digest'>, run: string): Promise<Plan>;
  /** The plan that a run has for a revision. */
  made(offboarding: string, run: string, revision: number): Promise<Plan | null>;
  find(digest: string): Promise<Plan | null>;
}

export function plansOf(pool: Pool): Plans {
  const first = async (where: string, values: unknown[]): Promise<Plan | null> => {
    const { rows } = await pool.query(`select digest, body from handover.plans where ${where} limit 1`, values);
    return rows[0] ? planOf(rows[0]) : null;
  };
  return {
    async save(plan, run) {
      const body = canonicalJson(plan);
      await pool.query(
        `insert into handover.plans (digest, offboarding, run, revision, body) values ($1, $2, $3, $4, $5)
         on conflict (offboarding, run, revision) do nothing`,
        [sha256(body), plan.offboardingId, run, plan.revision, body],
      );
      // Two attempts can see different worlds; both answer with the plan that stands.
      const stands = await this.made(plan.offboardingId, run, plan.revision);
      if (!stands) throw new Error(`Plan ${plan.revision} of offboarding ${plan.offboardingId} was not stored.`);
      return stands;
    },
    made: (offboarding, run, revision) => first('offboarding = $1 and run = $2 and revision = $3', [offboarding, run, revision]),
    find: digest => first('digest = $1', [digest]),
  };
}

function planOf(row: { digest: string; body: string }): Plan {
  return { ...(JSON.parse(row.body) as Omit<Plan, 'digest'>), digest: row.digest };
}

export interface OpenRun {
  leaver: string;
  /** Same value = same human being. */
  human: string;
  /** A preview plans and closes: its leaver stays. */
  preview: boolean;
  offboarding: string;
  workflow: string;
  /** Unfinished step → directory ids of those who take over. */
  successors: Record<string, string[]>;
  deactivating: boolean;
}

export interface Runs {
  /**
   * Registers an open run. A row left behind by a terminated run of the same leaver is replaced, and whatever that run had under way
   * `now` (by Temporal's clock) gets no receipt any more (`Ledger.fence`). Throws LeftBehind where this run is the one that was.
   */
  open(run: Pick<OpenRun, 'leaver' | 'human' | 'offboarding' | 'workflow' | 'preview'>, now: Date): Promise<void>;
  /** Who is to take over in steps that are not finished. */
  setSuccessors(offboarding: string, successors: Record<string, string[]>): Promise<void>;
  /**
   * Adds who takes over in steps that are about to run. Returns the runs by which one of them is being switched off already; whoever is
   * not among these cannot be switched off any more until the step is finished.
   */
  beginSteps(offboarding: string, successors: Record<string, string[]>): Promise<OpenRun[]>;
  /** Its successors are no longer waited for. */
  finishStep(offboarding: string, step: string): Promise<void>;
  /** Marks the run as deactivating unless an open run of somebody else names its leaver as a successor: then that run is returned. */
  claimDeactivation(offboarding: string): Promise<OpenRun | null>;
  /** Runs by which these human beings are leaving themselves. */
  leaving(humans: string[], except: string): Promise<OpenRun[]>;
  close(offboarding: string): Promise<void>;
  all(): Promise<OpenRun[]>;
}

export function runsOf(pool: Pool): Runs {
  return {
    async open(run, now) {
      const { rowCount } = await pool.query(
        `with behind as (select from handover.audit_heads where offboarding = $3 and fence > $6),
              replaced as (
                update handover.audit_heads set fence = greatest(fence, $6)
                 where not exists (select from behind)
                   and offboarding in (select offboarding from handover.open_runs where leaver = $1 and offboarding <> $3))
         insert into handover.open_runs (leaver, human, offboarding, workflow, preview)
         select $1, $2, $3, $4, $5 where not exists (select from behind)
         on conflict (leaver) do update set human = excluded.human, offboarding = excluded.offboarding, workflow = excluded.workflow,
           preview = excluded.preview, opened = now(),
           successors = case when open_runs.offboarding = excluded.offboarding then open_runs.successors else '{}' end,
           deactivating = open_runs.deactivating and open_runs.offboarding = excluded.offboarding`,
        [run.leaver, run.human, run.offboarding, run.workflow, run.preview, now],
      );
      if (rowCount === 0) throw new LeftBehind('This offboarding has ended while an attempt of it was out of reach.');
    },
    async setSuccessors(offboarding, successors) {
      await pool.query('update handover.open_runs set successors = $2 where offboarding = $1', [
        offboarding,
        JSON.stringify(successors),
      ]);
    },
    async beginSteps(offboarding, successors) {
      // Waits for whoever claims a deactivation, and is waited for.
      const { rows } = await pool.query(
        `with mine as (update handover.open_runs set successors = successors || $2::jsonb where offboarding = $1)
         select * from handover.open_runs where deactivating and offboarding <> $1 and leaver = any($3)`,
        [offboarding, JSON.stringify(successors), [...new Set(Object.values(successors).flat())]],
      );
      return rows as OpenRun[];
    },
    async finishStep(offboarding, step) {
      await pool.query('update handover.open_runs set successors = successors - $2 where offboarding = $1', [offboarding, step]);
    },
    claimDeactivation: offboarding =>
      inTransaction(pool, async client => {
        // One lock for all: of two runs that name each other exactly one sees the other first.
        await client.query('lock table handover.open_runs in exclusive mode');
        const { rows } = await client.query(
          `select other.* from handover.open_runs mine
             join handover.open_runs other on other.offboarding <> mine.offboarding and exists (select from jsonb_each(other.successors) as step where step.value ? mine.leaver)
            where mine.offboarding = $1 order by other.opened limit 1`,
          [offboarding],
        );
        if (rows[0]) return rows[0] as OpenRun;
        await client.query('update handover.open_runs set deactivating = true where offboarding = $1', [offboarding]);
        return null;
      }),
    async leaving(humans, except) {
      const { rows } = await pool.query(
        'select * from handover.open_runs where human = any($1) and offboarding <> $2 and not preview',
        [humans, except],
      );
      return rows as OpenRun[];
    },
    async close(offboarding) {
      await pool.query('delete from handover.open_runs where offboarding = $1', [offboarding]);
    },
    async all() {
      const { rows } = await pool.query('select * from handover.open_runs order by opened');
      return rows as OpenRun[];
    },
  };
}
