/** What was known a moment ago is asked again before the next effect. */

/** Each time takes a few statements: nothing beside a batch of thousands, and much beside one of ten. */
const KNOWN_FOR_MS = 5_000;

/** The same question, asked again where its answer is older than that. */
export function freshly<T>(ask: () => Promise<T>): () => Promise<T> {
  let known: { at: number; answer: Promise<T> } | null = null;
  return () => {
    if (known === null || Date.now() - known.at >= KNOWN_FOR_MS) known = { at: Date.now(), answer: ask() };
    return known.answer;
  };
}
