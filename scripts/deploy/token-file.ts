/** `tokens.json`: which tokens the ledger knows, written by the operator and applied by `npm run migrate -- --tokens`. */
import { isAddress } from 'viem'
import * as z from 'zod/mini'
import type { TokenSeed } from '../stack/database.ts'
import { checked, FileProblems, readJson } from './checked-json.ts'
import { TOKEN_SYMBOL } from '../../functions/_lib/schemas.ts'

const TokenFile = z
  .array(
    z.strictObject({
      symbol: z.string().check(z.regex(TOKEN_SYMBOL, 'must be 1 to 32 letters, digits, dots, _ or -')),
      decimals: z.int().check(z.minimum(0), z.maximum(18)),
      chainId: z.nullable(z.int().check(z.minimum(1))),
      contract: z.nullable(z.string().check(z.regex(/^0x[0-9a-fA-F]{40}$/, 'must be 0x and 40 hex digits'))),
      transferable: z.boolean(),
      withdrawable: z.boolean(),
      minWithdraw: z
        .string('must be a decimal in quotes, such as "1.5"')
        .check(z.regex(/^(0|[1-9][0-9]{0,19})(\.[0-9]{1,18})?$/, 'must be a decimal such as "1.5"')),
    }),
  )
  .check(z.minLength(1, 'has no token'))

/** @throws FileProblems with every problem: nothing was applied */
export function readTokenFile(file: string): TokenSeed[] {
  const tokens = checked(file, TokenFile, readJson(file))
  const problems = tokens.flatMap((token, at) => [
    ...(tokens.findIndex(({ symbol }) => symbol === token.symbol) < at
      ? [`[${at}].symbol: ${token.symbol} is in the list already`]
      : []),
    ...((token.chainId === null) === (token.contract === null)
      ? []
      : [`[${at}]: chainId and contract belong together: both, or null for both`]),
    ...(token.contract === null || checksumHolds(token.contract)
      ? []
      : [`[${at}].contract: the capitals are not those of the address (EIP-55): a digit may be wrong`]),
    ...(token.contract !== null && tokens.findIndex((other) => placeOf(other) === placeOf(token)) < at
      ? [`[${at}].contract: another token of the list has this contract`]
      : []),
    ...(token.withdrawable && token.contract === null
      ? [`[${at}].withdrawable: a token without a contract cannot be withdrawn`]
      : []),
  ])
  if (problems.length > 0) throw new FileProblems(file, problems)
  return tokens
}

const placeOf = ({ chainId, contract }: TokenSeed) => `${chainId} ${contract?.toLowerCase()}`

/** Digits of one case carry no checksum. */
function checksumHolds(contract: string): boolean {
  const digits = contract.slice(2)
  return digits === digits.toLowerCase() || digits === digits.toUpperCase() || isAddress(contract)
}
