/**
 * Reads every payload, also one that cannot be read. The Temporal UI offers encodings that no JavaScript
 * worker decodes; without this, one such signal fails the workflow task again and again. Here it becomes `{
 * undecodable: why }`, which the run refuses in words.
 *
 * CommonJS in plain JavaScript: Temporal loads it with `require`, in the worker, in clients and inside the
 * workflow bundle.
 */
const { defaultPayloadConverter } = require('@temporalio/common');

/** @type {import('@temporalio/common').PayloadConverter} */
exports.payloadConverter = {
  toPayload: value => defaultPayloadConverter.toPayload(value),
  fromPayload(payload) {
    try {
      return defaultPayloadConverter.fromPayload(payload);
    } catch (error) {
      return { undecodable: error instanceof Error ? error.message : String(error) };
    }
  },
};
