/**
 * Stands for text of a caller that is no symbol, no amount or no address. It is passed on to the verb, which refuses it in
 * its turn: so errors come in the order that the API promises, without a round trip of its own.
 */
export const UNREADABLE = { unreadable: true } as const
export type Readable = string | typeof UNREADABLE

/** As the verbs take it. */
export const orNull = (text: Readable): string | null => (typeof text === 'string' ? text : null)
