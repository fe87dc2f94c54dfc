import type { Area } from '../fault.ts'

/** Decimal text on the wire. */
export const amounts: Area = {
  name: 'amounts',
  faults: [
    {
      file: 'functions/_lib/money/amount.ts',
      from: '(0|[1-9][0-9]{0,19})(\\.',
      to: '(0|[1-9][0-9]{0,20})(\\.',
      why: 'an amount of 21 digits reaches Postgres',
      tests: ['tests/amount.test.ts'],
    },
    {
      file: 'functions/_lib/money/amount.ts',
      from: '(\\.[0-9]{1,18})?$/',
      to: '(\\.[0-9]{1,19})?$/',
      why: 'more decimals than the ledger has',
      tests: ['tests/amount.test.ts'],
    },
    {
      file: 'functions/_lib/money/amount.ts',
      from: 'const GRAMMAR = /^-?(0|[1-9]',
      to: 'const GRAMMAR = /^-?(0*|[1-9]',
      why: '`007` and the empty text are amounts',
      tests: ['tests/amount.test.ts'],
    },
    {
      file: 'functions/_lib/money/amount.ts',
      from: '!value.round(decimals, Big.roundDown).eq(value)',
      to: 'value.round(decimals, Big.roundDown).eq(value)',
      why: 'whole amounts are refused and too fine ones taken',
      tests: ['tests/amount.test.ts'],
    },
    {
      file: 'functions/_lib/money/amount.ts',
      from: "value.lte('0')",
      to: "value.lt('0')",
      why: 'zero is an amount',
      tests: ['tests/amount.test.ts'],
    },
    {
      file: 'functions/_lib/money/amount.ts',
      from: '.times(Decimal(`1e${decimals}`))',
      to: '.times(Decimal(`1e${decimals + 1}`))',
      why: 'ten times the amount is scaled',
      tests: ['tests/amount.test.ts'],
    },
    {
      file: 'functions/_lib/money/amount.ts',
      from: '.times(Decimal(`1e-${decimals}`))\n    .toFixed()',
      to: '.times(Decimal(`1e-${decimals}`))\n    .toString()',
      why: 'small amounts are printed with an exponent',
      tests: ['tests/amount.test.ts'],
    },
    {
      file: 'functions/_lib/money/amount.ts',
      from: "typeof text !== 'string' || text.length",
      to: 'text.length',
      why: 'a JSON number is an amount',
      tests: ['tests/amount.test.ts'],
    },
  ],
}
