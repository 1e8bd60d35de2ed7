/** What every route is made of. */
import type { WayIn } from '../client/device-login.js';
import type { Logout } from '../store/logouts.js';
import type { Behind } from './behind.js';
import type { RunCalled } from './called.js';
import type { Callers } from './callers.js';
import type { Seal } from './sign.js';
import type { Statuses } from './statuses.js';
import type { Webhook } from './webhooks/webhook.js';

export interface Gateway {
  behind: Behind;
  callers: Callers;
  called: RunCalled;
  seal: Seal;
  statuses: Statuses;
  /** By the name in their address. */
  webhooks: ReadonlyMap<string, Webhook>;
  logins: readonly WayIn[];
  /** What a logout token says. Throws a `Problem` where it is none of an issuer that is known here. */
  logoutIn(token: string): Promise<Logout>;
}
