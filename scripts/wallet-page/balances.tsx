/** What the account holds, by token: numbers that light up when they change and never move anything else. */
import type { Balance, Token } from './api.ts'
import { Amount, Card, Copyable } from './parts.tsx'
import { NOTHING, type Account, type Held } from './use-account.ts'
import type { Subaccount } from './use-subaccounts.ts'

interface Props {
  account: Account
  tokens: Token[]
  subaccounts: Subaccount[]
}

export function Balances({ account, tokens, subaccounts }: Props) {
  const { spot, perp } = account
  return (
    <Card title="Balances" area="balances">
      <table class="balances-table">
        <thead>
          <tr>
            <th scope="col">Token</th>
            <th scope="col">Spot</th>
            <th scope="col">Frozen</th>
            <th scope="col">Perp margin</th>
          </tr>
        </thead>
        <tbody>
          {tokens.map(({ symbol }) => (
            <Row key={symbol} {...{ symbol }} spot={spot[symbol] ?? NOTHING} perp={perp[symbol] ?? NOTHING} />
          ))}
        </tbody>
        {subaccounts.map((sub) => (
          <SubaccountRows key={sub.address} {...{ sub }} />
        ))}
      </table>
    </Card>
  )
}

function Row({ symbol, spot, perp }: { symbol: string; spot: Held; perp: Held }) {
  return (
    <tr>
      <th scope="row">{symbol}</th>
      <td>
        <Amount value={spot.available} name={`spot ${symbol}`} />
      </td>
      <td class={spot.frozen === '0' ? 'none' : 'held'}>
        <Amount value={spot.frozen} name={`frozen ${symbol}`} />
      </td>
      <td class={perp.available === '0' ? 'none' : ''}>
        <Amount value={perp.available} name={`perp ${symbol}`} />
      </td>
    </tr>
  )
}

const of = (balances: Balance[], symbol: string): Held =>
  balances.find(({ token }) => token === symbol) ?? NOTHING

function SubaccountRows({ sub }: { sub: Subaccount }) {
  const symbols = [...new Set([...sub.spot, ...sub.perp].map(({ token }) => token))]
  return (
    <tbody>
      <tr class="sub">
        <th scope="rowgroup" colSpan={4}>
          Subaccount <Copyable text={sub.address} />
        </th>
      </tr>
      {symbols.length === 0 && (
        <tr>
          <td class="empty" colSpan={4}>
            Nothing yet
          </td>
        </tr>
      )}
      {symbols.map((symbol) => (
        <tr key={symbol}>
          <th scope="row">{symbol}</th>
          <td>
            <Amount value={of(sub.spot, symbol).available} name={`sub spot ${symbol}`} />
          </td>
          <td class="none">
            <Amount value={of(sub.spot, symbol).frozen} />
          </td>
          <td class={of(sub.perp, symbol).available === '0' ? 'none' : ''}>
            <Amount value={of(sub.perp, symbol).available} name={`sub perp ${symbol}`} />
          </td>
        </tr>
      ))}
    </tbody>
  )
}
