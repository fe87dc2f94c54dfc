/** The Durable Objects that functions speak to, by the names of their bindings, with the classes behind them. */
export const OBJECTS = { STREAM: 'AccountStream', WITNESS: 'LedgerWitness' } as const
export type ObjectName = keyof typeof OBJECTS
/** Bindings that hold these. */
export type Bound<O extends ObjectName> = Readonly<Record<O, unknown>>
