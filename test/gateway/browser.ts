/** Somebody with a browser, who logs in where they are asked to and confirms what they are shown. */

/** What a person does: follows every redirect, keeps cookies, types into whatever is asked, and agrees. */
export async function browse(url: string, who: string, password = 'any'): Promise<void> {
  const cookies = new Map<string, string>();
  let page = await opened(url, cookies);
  for (let n = 0; n < 8; n++) {
    if (/Sign-in Success|Device Login Successful/.test(page.text)) return;
    const form = /<form[^>]*action="([^"]+)"[^>]*>([\s\S]*?)<\/form>/.exec(page.text);
    if (!form) throw new Error(`Nothing to go on with: ${page.text.slice(0, 2_000)}`);
    const inputs = [...form[2]!.matchAll(/<input([^>]*)>/g)].map(([, said]) => said!);
    const fields = Object.fromEntries(
      inputs.flatMap(said => {
        const name = /name="([^"]+)"/.exec(said)?.[1];
        // Of two buttons the one that agrees.
        return name && name !== 'cancel' ? [[name, /value="([^"]*)"/.exec(said)?.[1] ?? '']] : [];
      }),
    );
    if ('login' in fields) Object.assign(fields, { login: who, password });
    if ('username' in fields) Object.assign(fields, { username: who, password });
    page = await opened(new URL(form[1]!.replaceAll('&amp;', '&'), page.url).href, cookies, fields);
  }
  throw new Error('It never came to an end.');
}

async function opened(
  url: string,
  cookies: Map<string, string>,
  form?: Record<string, string>,
): Promise<{ url: string; text: string }> {
  const answer = await fetch(url, {
    method: form ? 'POST' : 'GET',
    redirect: 'manual',
    headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    ...(form && { body: new URLSearchParams(form) }),
  });
  for (const line of answer.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
    if (value === '') cookies.delete(name!);
    else cookies.set(name!, value!);
  }
  const to = answer.headers.get('location');
  return to ? opened(new URL(to, url).href, cookies) : { url, text: await answer.text() };
}
