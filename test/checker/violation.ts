/** An invariant that does not hold; test/README.md says each of them in words. */

export interface Violation {
  invariant: `I${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 15 | 16 | 17 | 18 | 19 | 20 | 21 | 22}`;
  message: string;
}

export type Say = (invariant: Violation['invariant'], message: string) => void;
