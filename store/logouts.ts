/** Sessions that an identity provider has ended. Gateways share them, so that who has left one has left all. */
import type { Pool } from './database.js';

/** What a token says about the session that it was made in. */
export interface Session {
  issuer: string;
  sub: string | null;
  sid: string | null;
  /** When the token was made, in seconds since 1970. */
  made: number;
}

/** What a logout token says. At least one of `sub` and `sid` is there. */
export interface Logout {
  issuer: string;
  jti: string;
  sub: string | null;
  sid: string | null;
  /** In seconds since 1970. */
  at: number;
}

export interface Logouts {
  /** False where it was taken in before. */
  take(logout: Logout): Promise<boolean>;
  hasEnded(session: Session): Promise<boolean>;
}

/** No token of a person is good for longer. */
const KEPT = "interval '90 days'";

export function logoutsOf(pool: Pool): Logouts {
  return {
    async take({ issuer, jti, sub, sid, at }) {
      await pool.query(`delete from handover.logouts where at < now() - ${KEPT}`);
      const { rowCount } = await pool.query(
        `insert into handover.logouts (issuer, jti, sub, sid, at) values ($1, $2, $3, $4, to_timestamp($5))
         on conflict (issuer, jti) do nothing`,
        [issuer, jti, sub, sid, at],
      );
      return rowCount === 1;
    },
    async hasEnded({ issuer, sub, sid, made }) {
      // A token that names no session may be of any: then whatever the person had at that moment is over.
      const { rows } = await pool.query(
        `select exists (
           select from handover.logouts where issuer = $1 and sid = $2
           union all
           select from handover.logouts
            where issuer = $1 and sub = $3 and (sid is null or $2::text is null) and at >= to_timestamp($4)
         ) as ended`,
        [issuer, sid, sub, made],
      );
      return rows[0]!.ended as boolean;
    },
  };
}
