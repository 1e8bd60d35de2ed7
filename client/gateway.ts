/** A gateway, called in the name of who is logged in there. */
import { z } from 'zod';
import { isHere, refreshed, type WayIn, waysIn } from './device-login.js';
import type { Login, Logins } from './logins.js';
import { commandLine } from './printed.js';
import { Problem, type ProblemKind } from './problem.js';

export interface Answered {
  /** HTTP. */
  status: number;
  body: Record<string, unknown>;
}

export interface GatewayClient {
  readonly address: string;
  /** Throws a `Problem` where there is no answer, or where it is a failure. */
  call(
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answered>;
}

const failure = z.object({ error: z.string(), kind: z.string() });
/** A worker is asked who we are, and then a run: both within this. */
const PATIENCE_MS = 60_000;
/** A token that ends on its way is of no use. */
const ALMOST_OVER_MS = 30_000;

/** The address as it is written into files. Throws a sentence where nobody may send a token there. */
export function gatewayAddress(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : null;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    throw new Problem(
      'usage',
      `A gateway is named by its address, e.g. https://handover.example.com; given was "${given}".`,
    );
  if (url.protocol === 'http:' && !isHere(url))
    throw new Problem(
      'usage',
      `${given} is not reached over https, and whoever listens on the way could decide in your name: use its https address.`,
    );
  return url.href.replace(/\/+$/, '');
}

export function gatewayClient(address: string, logins: Logins): GatewayClient {
  const again = `log in with: ${commandLine('login', '--gateway', address)}`;
  const ended = (sentence: string, error?: unknown): Problem =>
    new Problem('refused', `${sentence} To go on, ${again}`, { cause: error });
  const fresh = (login: Login): Promise<Login> =>
    logins.alone(address, async () => {
      // Another command may have renewed it while this one waited.
      const now = await logins.find(address);
      if (!now) throw ended(`You have logged out at ${address} meanwhile.`);
      if (now.access !== login.access) return now;
      if (now.refresh === null) throw ended(`Your login at ${address} has ended.`);
      const tokens = await refreshed(now).catch((error: unknown) => {
        throw error instanceof Problem && error.kind === 'refused' ? ended(error.message, error) : error;
      });
      await logins.keep({ ...now, ...tokens });
      return { ...now, ...tokens };
    });
  return {
    address,
    async call(method, path, body, headers = {}) {
      let login = await logins.find(address);
      if (!login) throw new Problem('refused', `You are not logged in at ${address}: ${again}`);
      const isOver = login.until !== null && Date.parse(login.until) - Date.now() < ALMOST_OVER_MS;
      if (isOver) login = await fresh(login);
      const send = (token: string): Promise<Answered> =>
        sent(address, method, path, body, { ...headers, authorization: `Bearer ${token}` });
      let answer = await send(login.access);
      // It may have ended before its time.
      if (answer.status === 401 && !isOver && login.refresh !== null)
        answer = await send((await fresh(login)).access);
      if (answer.status === 401)
        throw new Problem(
          'refused',
          `The gateway at ${address} does not take your login at ${login.issuer}: ${problemIn(answer).message} To try anew, ${again}`,
        );
      // 409 is a decision's own refusal, and carries its answer.
      if (answer.status >= 400 && failure.safeParse(answer.body).success) throw problemIn(answer);
      return answer;
    },
  };
}

/** How people log in for this gateway, by its own word. */
export async function waysInOf(address: string): Promise<WayIn[]> {
  const answer = await sent(address, 'GET', '/login', undefined, {});
  const read = waysIn.safeParse(answer.body);
  if (!read.success) throw noGateway(address, `it answered ${answer.status} to /login`);
  return read.data.issuers;
}

/** One request, to whatever end: only where nothing that makes sense comes back it throws. */
async function sent(
  address: string,
  method: 'GET' | 'POST',
  path: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Answered> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(`${address}${path}`, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // A token is for this gateway alone.
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    text = await answer.text();
  } catch (error) {
    throw new Problem(
      'out-of-reach',
      `The gateway at ${address} does not answer (${reasonOf(error)}): ask again, or ask whoever runs it.`,
      { cause: error },
    );
  }
  try {
    return { status: answer.status, body: z.record(z.string(), z.unknown()).parse(JSON.parse(text)) };
  } catch (error) {
    // A proxy in front of one that is away says so in HTML.
    if (answer.status >= 502)
      throw new Problem('out-of-reach', `The gateway at ${address} is away (${answer.status}): ask again.`, {
        cause: error,
      });
    throw noGateway(address, `it answered ${answer.status}, and no JSON`);
  }
}

function noGateway(address: string, why: string): Problem {
  return new Problem('usage', `What answers at ${address} is no gateway of Handover (${why}).`);
}

function reasonOf(error: unknown): string {
  const { name, code, cause, message } = error as Error & { code?: string };
  if (name === 'TimeoutError') return `no answer within ${PATIENCE_MS / 1_000} s`;
  if (code) return code;
  return cause ? reasonOf(cause) : message;
}

const KINDS: readonly string[] = ['usage', 'refused', 'not-found', 'out-of-reach'] satisfies ProblemKind[];

/** What a failure says, as a problem here. */
function problemIn({ status, body }: Answered): Problem {
  const said = failure.safeParse(body);
  const sentence = said.success ? said.data.error : `It answered ${status}.`;
  const kind = said.success && KINDS.includes(said.data.kind) ? (said.data.kind as ProblemKind) : null;
  return new Problem(
    kind ?? (status === 429 ? 'out-of-reach' : status === 401 ? 'refused' : 'unexpected'),
    sentence,
  );
}
