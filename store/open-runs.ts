/**
 * The register of open runs: who is leaving and who is to take over, so that two runs never work against each
 * other.
 */
import { inTransaction, type Pool } from './database.js';
import { LeftBehind } from './ledger.js';

export interface OpenRun {
  /** Directory id. Nobody leaves by what comes after an offboarding: its own id stands here, and as `human`. */
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

export interface OpenRuns {
  /**
   * Registers an open run. A row left behind by a terminated run of the same leaver is replaced, and whatever
   * that run had under way `now` (by Temporal's clock) gets no receipt any more (`Ledger.fence`). Throws
   * LeftBehind where this run is the one that was.
   */
  open(
    run: Pick<OpenRun, 'leaver' | 'human' | 'offboarding' | 'workflow' | 'preview'>,
    now: Date,
  ): Promise<void>;
  /** Who is to take over in steps that are not finished. */
  setSuccessors(offboarding: string, successors: Record<string, string[]>): Promise<void>;
  /**
   * Adds who takes over in steps that are about to run, beside those who are registered for them already.
   * Returns the runs by which one of them is being switched off already; whoever is not among these cannot be
   * switched off any more until the step is finished.
   * @param after workflow id of what comes after an offboarding: it is in the register only while it hands over
   */
  beginSteps(
    offboarding: string,
    successors: Record<string, string[]>,
    after?: string | null,
  ): Promise<OpenRun[]>;
  /** Its successors are no longer waited for. */
  finishSteps(offboarding: string, steps: readonly string[]): Promise<void>;
  /**
   * Marks the run as deactivating unless an open run of somebody else names its leaver as a successor: then
   * that run is returned.
   */
  claimDeactivation(offboarding: string): Promise<OpenRun | null>;
  /** Runs by which these people are leaving themselves: by their entry, or as the same human being. */
  leaving(people: readonly { id: string; human: string }[], except: string | null): Promise<OpenRun[]>;
  /** Runs of others that name this leaver as a successor. @param leaver directory id */
  naming(leaver: string, except: string): Promise<OpenRun[]>;
  /** Strikes the run off; its offboarding is closed from now on. */
  close(offboarding: string): Promise<void>;
  all(): Promise<OpenRun[]>;
}

export function openRunsOf(pool: Pool): OpenRuns {
  return {
    async open(run, now) {
      const { rowCount } = await pool.query(
        `with behind as (select from handover.audit_heads where offboarding = $3 and fence > $6),
              reopened as (
                update handover.offboardings set closed = null
                 where id = $3 and closed is not null and not exists (select from behind)),
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
      if (rowCount === 0)
        throw new LeftBehind('This offboarding has ended while an attempt of it was out of reach.');
    },
    async setSuccessors(offboarding, successors) {
      await pool.query('update handover.open_runs set successors = $2 where offboarding = $1', [
        offboarding,
        JSON.stringify(successors),
      ]);
    },
    async beginSteps(offboarding, successors, after = null) {
      if (after !== null)
        await pool.query(
          `insert into handover.open_runs (leaver, human, offboarding, workflow, preview)
           values ($1::uuid::text, $1::uuid::text, $1, $2, false) on conflict do nothing`,
          [offboarding, after],
        );
      // Waits for whoever claims a deactivation, and is waited for.
      const { rows } = await pool.query(
        `with mine as (
           update handover.open_runs set successors = successors || (
             select jsonb_object_agg(step, (
                      select jsonb_agg(distinct person)
                        from jsonb_array_elements(coalesce(successors -> step, '[]') || people) as person))
               from jsonb_each($2::jsonb) as added (step, people))
            where offboarding = $1)
         select * from handover.open_runs where deactivating and offboarding <> $1 and leaver = any($3)`,
        [offboarding, JSON.stringify(successors), [...new Set(Object.values(successors).flat())]],
      );
      return rows as OpenRun[];
    },
    async finishSteps(offboarding, steps) {
      await pool.query(
        'update handover.open_runs set successors = successors - $2::text[] where offboarding = $1',
        [offboarding, steps],
      );
      await pool.query(
        `delete from handover.open_runs
          where offboarding = $1 and leaver = offboarding::text and successors = '{}'`,
        [offboarding],
      );
    },
    claimDeactivation: offboarding =>
      inTransaction(pool, async client => {
        // One lock for all: of two runs that name each other exactly one sees the other first.
        await client.query('lock table handover.open_runs in exclusive mode');
        const { rows } = await client.query(
          `select other.* from handover.open_runs mine
             join handover.open_runs other on other.offboarding <> mine.offboarding
              and exists (select from jsonb_each(other.successors) as step where step.value ? mine.leaver)
            where mine.offboarding = $1 order by other.opened limit 1`,
          [offboarding],
        );
        if (rows[0]) return rows[0] as OpenRun;
        await client.query('update handover.open_runs set deactivating = true where offboarding = $1', [
          offboarding,
        ]);
        return null;
      }),
    async leaving(people, except) {
      const { rows } = await pool.query(
        `select * from handover.open_runs
          where (leaver = any($1) or human = any($2)) and offboarding is distinct from $3 and not preview`,
        [people.map(({ id }) => id), people.map(({ human }) => human), except],
      );
      return rows as OpenRun[];
    },
    async naming(leaver, except) {
      const { rows } = await pool.query(
        `select * from handover.open_runs
          where offboarding <> $2 and exists (select from jsonb_each(successors) as step where step.value ? $1)
          order by opened`,
        [leaver, except],
      );
      return rows as OpenRun[];
    },
    async close(offboarding) {
      await pool.query(
        `with gone as (delete from handover.open_runs where offboarding = $1)
         update handover.offboardings set closed = now() where id = $1 and closed is null`,
        [offboarding],
      );
    },
    async all() {
      const { rows } = await pool.query('select * from handover.open_runs order by opened');
      return rows as OpenRun[];
    },
  };
}
