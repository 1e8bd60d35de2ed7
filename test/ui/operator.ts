/**
 * An operator at the Temporal UI: what they click, what they read. Nothing here knows more than the page
 * shows.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FrameLocator, Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { DecisionName } from '../../domain/request.js';

export type Way = 'signal' | 'update';

/** Which pictures of the dialog to take, by name. */
interface Pictures {
  list?: string;
  filled?: string;
  objection?: string;
}

/** What the UI says when it has sent something; it says the same whether the run accepted or refused it. */
const MENU: Record<Way, string> = { signal: 'Send a Signal', update: 'Send an Update' };
/** The UI asks again every few seconds by itself; two busy cores make it slower. */
export const PATIENT = { timeout: 30_000, interval: 500 };

/** The page without what surrounds every page of the UI; for a window of 1440 x 960. */
const BESIDE_THE_MENU = { x: 256, y: 48, width: 1184, height: 912 };

export class Operator {
  constructor(
    readonly page: Page,
    private readonly ui: string,
    /** Where pictures go; none are taken without it. */
    private readonly album: string | null,
  ) {
    page.setDefaultTimeout(30_000);
  }

  /** Opens the start form by its deep link, pastes the JSON, starts it, and goes to its page. */
  async start(taskQueue: string, json: string, picture?: string): Promise<void> {
    const link = `${this.ui}/namespaces/default/workflows/start-workflow?workflowType=requestOffboarding&taskQueue=${taskQueue}`;
    await this.page.goto(link);
    await this.page.getByRole('heading', { name: 'Start Workflow' }).waitFor();
    await expect.poll(() => this.text(), PATIENT).toContain('Task Queue is Active');
    expect(await this.page.getByLabel('Workflow Type').inputValue()).toBe('requestOffboarding');
    await this.paste(this.page.locator('main'), json);
    await this.page.getByRole('button', { name: 'Random UUID' }).click();
    const id = await this.page.getByLabel('Workflow ID').inputValue();
    await this.picture(picture);
    await this.page.getByRole('button', { name: 'Start Workflow', exact: true }).click();
    // A link in the corner, for a few seconds; whoever misses it finds the run in the list.
    await this.page.locator('main ~ *, body > *').locator(`a[href*="${id}"]`).first().click();
    await this.page.getByRole('heading', { name: id }).waitFor();
  }

  /** Types a query into the list and returns the workflow ids that it shows. */
  async search(query: string, picture?: string): Promise<string[]> {
    await this.page.goto(`${this.ui}/namespaces/default/workflows`);
    await this.page.getByTestId('toggle-manual-query').click();
    await this.page.getByRole('searchbox', { name: 'Enter a query' }).fill(query);
    const answered = this.page.waitForResponse(
      response =>
        response.url().includes('/workflows?') && new URL(response.url()).searchParams.get('query') === query,
    );
    await this.page.getByRole('button', { name: 'Search', exact: true }).click();
    const { executions = [] } = (await (await answered).json()) as { executions?: unknown[] };
    const links = this.page.getByRole('table', { name: 'Workflows' }).locator('tbody tr td:nth-child(4) a');
    await expect.poll(() => links.count(), PATIENT).toBe(executions.length);
    await this.picture(picture);
    return links.allInnerTexts();
  }

  /** Clicks a run in the list. */
  async open(workflowId: string): Promise<void> {
    await this.page.getByRole('link', { name: workflowId, exact: true }).click();
    await this.page.getByRole('tab', { name: 'User Metadata' }).waitFor();
  }

  /** The current details, as fresh as the key R makes them. */
  async details(): Promise<string> {
    await this.tab('User Metadata');
    await this.page.keyboard.press('r');
    await this.page.waitForTimeout(300);
    return this.currentDetails.locator('main').innerText();
  }

  async seesInDetails(words: string | RegExp): Promise<void> {
    await expect.poll(() => this.details(), PATIENT).toMatch(new RegExp(words, 's'));
  }

  /**
   * Copies the JSON of a message out of the details as a hand would, with three clicks, and fills in who
   * decides.
   */
  async copy(name: DecisionName, by: string): Promise<string> {
    await this.tab('User Metadata');
    const json = this.currentDetails
      .locator('p', { has: this.page.locator(`strong:text-is("${name}")`) })
      .locator('code');
    await json.click({ clickCount: 3 });
    const selected = await json.evaluate(code => String(code.ownerDocument.getSelection()));
    return JSON.stringify({ ...JSON.parse(selected), by });
  }

  /**
   * More Actions, Send a Signal or Send an Update, the message, its JSON, Submit. Returns what the dialog
   * objects, if it does.
   */
  async send(way: Way, name: DecisionName, json: string, pictures: Pictures = {}): Promise<string | null> {
    // On a busy machine the UI lays the dialog out anew under the mouse and a click gets lost: as a hand
    // would, begin again.
    for (let left = 3; left > 0; left--) {
      const answer = await this.tryToSend(way, name, json, pictures).catch(() => undefined);
      if (answer !== undefined) return answer;
      await this.page.reload();
    }
    throw new Error(`The Temporal UI did not send "${name}" in three attempts.`);
  }

  private async tryToSend(
    way: Way,
    name: DecisionName,
    json: string,
    pictures: Pictures,
  ): Promise<string | null> {
    await this.page.getByRole('button', { name: 'More Actions' }).click();
    await this.page.getByRole('menuitem', { name: MENU[way] }).click();
    const dialog = this.page.getByRole('dialog', { name: MENU[way] });
    await dialog.getByRole('button', { name: /^Select an? / }).click();
    await this.picture(pictures.list, dialog);
    await dialog.getByRole('option', { name: new RegExp(`^${name} `) }).click();
    await this.paste(dialog, json);
    await this.picture(pictures.filled, dialog);
    await dialog.getByRole('button', { name: 'Submit' }).click();
    // An update takes its time to be answered: the dialog closes when it is, or says what is wrong with it.
    const objection = dialog.getByRole('alert').filter({ hasText: /\S/, hasNotText: 'In Progress' });
    const closed = dialog.waitFor({ state: 'hidden', timeout: 20_000 }).then(() => null);
    const answer = await Promise.any([closed, objection.innerText({ timeout: 20_000 })]);
    if (answer === null) return null;
    await this.picture(pictures.objection, dialog);
    await dialog.getByText('Cancel', { exact: true }).click();
    await closed;
    return answer;
  }

  /** The word beside the run's id. */
  async status(): Promise<string> {
    const word = await this.page.locator('main').getByRole('status').first().textContent();
    return word?.trim() ?? '';
  }

  /** What a closed run returned, as its page shows it. */
  async result(): Promise<string> {
    await this.tab('Timeline');
    await this.page.getByRole('heading', { name: 'Result', exact: true }).waitFor();
    return this.page.getByRole('textbox', { name: 'Result' }).innerText();
  }

  async tab(name: string): Promise<void> {
    const tab = this.page.getByRole('tab', { name });
    if ((await tab.getAttribute('aria-selected')) !== 'true') await tab.click();
  }

  /** Only when somebody asked for pictures: a normal run leaves the tree as it is. */
  async picture(name: string | undefined, of?: Locator): Promise<void> {
    if (!name || !this.album) return;
    await mkdir(this.album, { recursive: true });
    // A narrow page scrolls sideways to what is clicked; people would scroll back to read.
    await this.page.evaluate('document.querySelectorAll("*").forEach(one => { one.scrollLeft = 0 })');
    await this.page.waitForTimeout(600);
    const path = join(this.album, `${name}.png`);
    await (of ? of.screenshot({ path }) : this.page.screenshot({ path, clip: BESIDE_THE_MENU }));
  }

  private get currentDetails(): FrameLocator {
    return this.page.locator('iframe').last().contentFrame();
  }

  /**
   * Over what stands there already: the start form comes filled with the last request. Leaves the box before
   * anything is clicked: it then rearranges the JSON, and a button that moves away from under the mouse is
   * not pressed, or the dialog is closed.
   */
  private async paste(where: Locator, json: string): Promise<void> {
    const box = where.getByRole('textbox', { name: 'Data' });
    await box.click();
    await this.page.keyboard.press('ControlOrMeta+a');
    await this.page.keyboard.insertText(json);
    await box.blur();
  }

  private text(): Promise<string> {
    return this.page.locator('main').innerText();
  }
}
