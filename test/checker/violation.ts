/** An invariant that does not hold; test/README.md says each of them in words. */

export interface Violation {
  invariant: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8' | 'I9' | 'I10' | 'I15';
  message: string;
}

export type Say = (invariant: Violation['invariant'], message: string) => void;
