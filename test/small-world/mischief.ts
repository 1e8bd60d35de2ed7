/**
 * What goes wrong in target systems, and how it is mended: triggers that refuse, lie, or bring more work. The
 * test's own doing.
 */
import type pg from 'pg';

export interface Mischief {
  mend(): Promise<void>;
}

/**
 * A trigger of the target that runs `body` for every row that the engine is about to change; `when` narrows
 * it down to some rows.
 */
export async function trap(
  db: pg.Pool,
  table: string,
  body: string,
  {
    when = 'true',
    on = 'update or delete',
    timing = 'before',
  }: { when?: string; on?: string; timing?: 'before' | 'after' } = {},
): Promise<Mischief> {
  const name = `aa_${table}_trap`;
  // Owned by the superuser, as somebody else's trigger would be: our rights must not matter.
  await db.query(`
    create or replace function public.${name}() returns trigger language plpgsql security definer set search_path = '' as $$
    begin
      if current_setting('application_name') = 'handover' and (${when}) then ${body} end if;
      if tg_op = 'DELETE' then return old; end if;
      return new;
    end $$;
    create or replace trigger ${name} ${timing} ${on} on public.${table} for each row execute function public.${name}()`);
  return {
    async mend() {
      await db.query(`drop trigger if exists ${name} on public.${table}`);
    },
  };
}

/** Refuses every change of ours for good. */
export function refuse(db: pg.Pool, table: string, when?: string): Promise<Mischief> {
  return trap(db, table, `raise exception 'not today';`, { when });
}

/** Wraps a statement inside a trap's body so that the witness sees somebody else doing it. */
export function byOthers(statement: string): string {
  return `perform set_config('application_name', 'other', true); ${statement}; perform set_config('application_name', 'handover', true);`;
}

/** SQL that gives the leaver another open ticket. */
export function newTicket(number: number | string, subject = 'late'): string {
  return `insert into public.tickets (id, number, subject, assignee_id, status, language)
    values (gen_random_uuid(), ${number}, '${subject}', 17, 'open', 'en')`;
}
