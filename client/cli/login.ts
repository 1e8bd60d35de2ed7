/**
 * `handover login` and `logout`: who decides through a gateway says once who they are, in a browser, and every
 * decision after that is in their name. A login ends at `logout`, or when the identity provider says so.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from '@commander-js/extra-typings';
import { clean } from '../clean.js';
import { type Asked, logIn, revoke, type WayIn } from '../device-login.js';
import { gatewayAddress, gatewayClient, waysInOf } from '../gateway.js';
import { type Login, type Logins, loginsOf } from '../logins.js';
import { Problem, problemOf } from '../problem.js';
import { type Context, gatewayOption, inSession, newCommand, type Session } from './command.js';
import { EXIT } from './exit.js';

export function registerLogin(program: Command, context: Context): void {
  program.addCommand(
    newCommand('login')
      .addOption(gatewayOption())
      .option('--issuer <url>', 'where, if the gateway takes logins of several')
      .addHelpText(
        'after',
        `
It shows a code, to be confirmed in a browser on any machine. The login lies in a file that only you can read, in handover/logins of
XDG_CONFIG_HOME (~/.config), and is renewed by itself for as long as the identity provider does.`,
      )
      .action(options =>
        inSession(context, options, async session =>
          login(
            session,
            loginsOf(context.io.env),
            await namedGateway(session, options.gateway),
            options.issuer,
          ),
        ),
      ),
  );
  program.addCommand(
    newCommand('logout')
      .addOption(gatewayOption())
      .action(options =>
        inSession(context, options, async session =>
          logout(session, loginsOf(context.io.env), await namedGateway(session, options.gateway)),
        ),
      ),
  );
}

/** `--gateway`, else the configuration's. */
async function namedGateway({ reach }: Session, given: string | undefined): Promise<string> {
  if (given !== undefined) return gatewayAddress(given);
  const { config } = await reach.installation();
  if (config.gateway?.address !== undefined) return gatewayAddress(config.gateway.address);
  throw new Problem(
    'usage',
    `${config.file} does not say where the gateway is: write it there (gateway.address), or name it with --gateway.`,
  );
}

async function login(
  { terminal, reach }: Session,
  logins: Logins,
  address: string,
  issuer: string | undefined,
): Promise<number> {
  const way = await chosen(address, issuer, await trusted(reach));
  const tokens = await logIn(way, asked => {
    terminal.json({ confirm: asked });
    for (const line of saysHow(asked)) terminal.say(clean(line));
  });
  const { issuer: at, client, resource } = way;
  const before = await logins.find(address).catch(() => null);
  await logins.keep({ gateway: address, issuer: at, client, resource, ...tokens });
  try {
    const me = (await gatewayClient(address, logins).call('GET', '/me')).body as unknown as Me;
    terminal.json({ gateway: address, issuer: at, name: me.name, id: me.id, roles: me.roles });
    const roles = me.roles.length > 0 ? me.roles.join(', ') : 'nobody who may do anything here';
    terminal.say(clean(`You are logged in at ${address} as ${me.name} (id:${me.id}): ${roles}.`));
    return EXIT.done;
  } catch (error) {
    // A login that lets nobody in is none; one that was there is as good as it was.
    const problem = problemOf(error);
    if (problem.kind === 'out-of-reach') throw error;
    if (before) await logins.keep(before);
    else await logins.forget(address);
    throw problem;
  }
}

interface Me {
  name: string | null;
  id: string | null;
  roles: string[];
}

/** Issuers that the configuration here trusts; null where there is none to ask. */
async function trusted(reach: Session['reach']): Promise<string[] | null> {
  const found = await reach.installation().catch(() => null);
  const issuers = found?.config.gateway?.oidc.map(one => one.issuer) ?? [];
  return issuers.length > 0 ? issuers : null;
}

async function chosen(address: string, wanted: string | undefined, known: string[] | null): Promise<WayIn> {
  const ways = await waysInOf(address);
  if (ways.length === 0)
    throw new Problem(
      'usage',
      `The gateway at ${address} takes no login from a command line: whoever runs it names a client in gateway.oidc (login).`,
    );
  const fitting = wanted === undefined ? ways : ways.filter(way => way.issuer === wanted);
  const names = ways.map(way => way.issuer).join(', ');
  if (fitting.length === 0)
    throw new Problem('usage', `The gateway at ${address} takes logins of ${names}; given was "${wanted}".`);
  if (fitting.length > 1)
    throw new Problem(
      'usage',
      `The gateway at ${address} takes logins of ${names}: say which with --issuer.`,
    );
  const [way] = fitting as [WayIn];
  // Whoever answers there could send people to a page of their own.
  if (known && !known.includes(way.issuer))
    throw new Problem(
      'refused',
      `The gateway at ${address} sends you to ${way.issuer} to log in, and the configuration here knows ${known.join(', ')} alone: it is not the gateway that is meant, or one of the two is out of date.`,
    );
  return way;
}

function saysHow({ at, code, complete, seconds }: Asked): string[] {
  const minutes = Math.max(1, Math.round(seconds / 60));
  return [
    `Open ${at} in a browser and confirm the code ${code}`,
    ...(complete === null ? [] : [`(or, with the code in it, ${complete})`]),
    `It waits for ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}.`,
  ];
}

async function logout({ terminal }: Session, logins: Logins, address: string): Promise<number> {
  const login: Login | null = await logins.find(address).catch(() => null);
  await logins.forget(address);
  if (!login) {
    terminal.json({ gateway: address, loggedOut: false });
    terminal.say(`You were not logged in at ${address}.`);
    return EXIT.done;
  }
  const revoked = await Promise.race([revoke(login), pause(PATIENCE_MS, 'late', { ref: false })]).then(
    late => (late === 'late' ? `${login.issuer} does not answer.` : null),
    (error: unknown) => problemOf(error).message,
  );
  terminal.json({ gateway: address, loggedOut: true, revoked: revoked === null });
  terminal.say(`You are logged out at ${address}.`);
  if (revoked !== null)
    terminal.warn(
      clean(`${revoked} The login is gone from this machine; its token may stay good until it runs out.`),
    );
  return EXIT.done;
}

const PATIENCE_MS = 15_000;
