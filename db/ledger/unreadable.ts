/**
 * What stands where a caller wrote something else than belongs there: text that is no symbol, no amount or no address. A verb
 * refuses it in its turn, so that its place among the refusals is the contract's, at no round trip of its own.
 */
export const UNREADABLE = { unreadable: true } as const
export type Readable = string | typeof UNREADABLE

/** As the verbs take it. */
export const orNull = (text: Readable): string | null => (typeof text === 'string' ? text : null)
