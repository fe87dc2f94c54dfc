/** The Durable Objects that functions speak to, by the names of their bindings, with the classes behind them. */
export const OBJECTS = { STREAM: 'AccountStream', WITNESS: 'LedgerWitness' } as const
export type ObjectName = keyof typeof OBJECTS
