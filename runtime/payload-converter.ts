/**
 * Reads every payload, also one that cannot be read. The Temporal UI offers encodings that no JavaScript worker decodes; without this,
 * one such signal fails the workflow task again and again. Here it becomes `{ undecodable: why }`, which the run refuses in words.
 */
import { defaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';

class ForgivingPayloadConverter implements PayloadConverter {
  toPayload<T>(value: T): Payload {
    return defaultPayloadConverter.toPayload(value);
  }

  fromPayload<T>(payload: Payload): T {
    try {
      return defaultPayloadConverter.fromPayload<T>(payload);
    } catch (error) {
      return { undecodable: error instanceof Error ? error.message : String(error) } as T;
    }
  }
}

export const payloadConverter = new ForgivingPayloadConverter();
