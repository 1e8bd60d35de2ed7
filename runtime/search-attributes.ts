// The search attributes of an offboarding: what people filter by in the Temporal UI and what `handover list`
// shows. Temporal never encrypts them, so none holds a name or an e-mail address. A server must know them
// before the first workflow starts: an unregistered attribute is a stuck workflow task.

/** Types as the Temporal CLI and the UI spell them. */
export type SearchAttributeKind = 'Keyword' | 'KeywordList' | 'Text' | 'Int' | 'Double' | 'Bool' | 'Datetime';

export type SearchAttributeKinds = Readonly<Record<string, SearchAttributeKind>>;

// A server on an SQL database has room for 10 Keywords and 3 of every other type: six and two leave space.
export const searchAttributes = {
  OffboardingState: 'Keyword',
  OffboardingOutcome: 'Keyword',
  OffboardingMode: 'Keyword',
  OffboardingLeaver: 'Keyword',
  OffboardingWaitingOn: 'Keyword',
  OffboardingLate: 'Keyword',
  OffboardingDue: 'Datetime',
  OffboardingRemaining: 'Int',
  OffboardingAccepted: 'Int',
} as const satisfies SearchAttributeKinds;
