/** What a check found: one line for people, and how to mend it. */
export interface Finding {
  what: string;
  state: 'fine' | 'warning' | 'problem';
  says: string;
  /** What to do about it. */
  mend?: string;
}
