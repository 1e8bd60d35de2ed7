/** What operators see of a workflow in Temporal: its details, and the search attributes by which it is found. */
import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';

export interface Shown {
  /** Markdown. */
  details: string;
  /** An empty list takes an attribute away. */
  attributes: Record<string, string[] | number[] | Date[]>;
}

/** Shows this from now on. Attributes are events of the history: what says the same already is not said again. */
export function show({ details, attributes }: Shown): void {
  setCurrentDetails(details);
  const { searchAttributes: known } = workflowInfo();
  const isNews = ([name, values]: [string, unknown[]]): boolean =>
    JSON.stringify(values) !== JSON.stringify(known[name] ?? []);
  if (Object.entries(attributes).some(isNews)) upsertSearchAttributes(attributes);
}
