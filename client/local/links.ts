/** Where the Temporal UI of this installation shows a run, or takes a new request. */
import { REQUEST_OFFBOARDING } from '../../workflows/messages.js';
import type { Installation } from './installation.js';

/** A workflow id has a slash, which the UI wants encoded. */
export function runLink(
  { uiUrl, namespace }: Installation['temporal'],
  run?: { workflowId: string | null; runId: string | null },
): string {
  const workflows = `${uiUrl}/namespaces/${namespace}/workflows`;
  if (!run?.workflowId) return workflows;
  return `${workflows}/${encodeURIComponent(run.workflowId)}${run.runId ? `/${run.runId}/timeline` : ''}`;
}

export function startLink({ uiUrl, namespace, taskQueue }: Installation['temporal']): string {
  const query = new URLSearchParams({ workflowType: REQUEST_OFFBOARDING, taskQueue });
  return `${uiUrl}/namespaces/${namespace}/workflows/start-workflow?${query}`;
}
