/** Every way into Redmine, as somebody goes it who works there: the login form, a session, a password, an API key. */
import { restAs } from './rest.js';

/** A session begun at the login form, as its cookie; null = Redmine does not let them in. */
export async function signIn(baseUrl: string, login: string, password: string): Promise<string | null> {
  const form = await fetch(`${baseUrl}/login`);
  const token = /name="authenticity_token" value="([^"]+)"/.exec(await form.text())?.[1] ?? '';
  const answer = await fetch(`${baseUrl}/login`, {
    method: 'POST',
    redirect: 'manual',
    headers: { Cookie: cookieOf(form) },
    body: new URLSearchParams({ authenticity_token: token, username: login, password }),
  });
  const session = cookieOf(answer);
  return (await goesOn(baseUrl, session)) ? session : null;
}

/** Does a page that only people who are signed in may see open in this session? */
export async function goesOn(baseUrl: string, session: string): Promise<boolean> {
  const answer = await fetch(`${baseUrl}/my/account`, { redirect: 'manual', headers: { Cookie: session } });
  return answer.status === 200;
}

/** What Redmine answers to a password that is sent along, and to an API key. */
export async function answersTo(
  baseUrl: string,
  who: { login: string; password: string; apiKey: string },
): Promise<{ password: number; apiKey: number }> {
  const basic = Buffer.from(`${who.login}:${who.password}`).toString('base64');
  const answer = await fetch(`${baseUrl}/users/current.json`, {
    headers: { Authorization: `Basic ${basic}` },
  });
  const { status } = await restAs(baseUrl, who.apiKey).send('GET', '/users/current.json');
  return { password: answer.status, apiKey: status };
}

const cookieOf = (answer: Response): string =>
  answer.headers
    .getSetCookie()
    .map(one => one.split(';')[0])
    .join('; ');
