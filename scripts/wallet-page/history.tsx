/** Every change of a balance, newest first, with filters that the API applies. */
import { useEffect, useState } from 'preact/hooks'
import { grouped, isZero, signed } from './amounts.ts'
import { faultOf, type Entry, type Kind, type Token } from './api.ts'
import { Card, Select, shortened, timeText } from './parts.tsx'
import { useSettled, type Account } from './use-account.ts'

const KINDS: Record<Kind, string> = {
  credit: 'Credit',
  deposit: 'Deposit',
  spot_to_perp: 'Spot → perp',
  perp_to_spot: 'Perp → spot',
  subaccount_spot_transfer: 'Subaccount, spot',
  subaccount_perp_transfer: 'Subaccount, perp',
  withdraw_reserve: 'Withdrawal reserved',
  withdraw_confirm: 'Withdrawal paid',
  withdraw_expire: 'Withdrawal expired',
  withdraw_release: 'Withdrawal released',
  withdraw_fee: 'Withdrawal fee',
  withdraw_paid_after_expiry: 'Paid after expiry',
  withdraw_recovered: 'Payment recovered',
}
const ALL = ['', 'All'] as const
const PAGE = 25

interface Filter {
  kind: string
  token: string
  wallet: string
}

export function History({ account, tokens }: { account: Account; tokens: Token[] }) {
  const { client, changes } = account
  const [filter, setFilter] = useState<Filter>({ kind: '', token: '', wallet: '' })
  const [items, setItems] = useState<Entry[]>()
  const [next, setNext] = useState<string>()
  const [problem, setProblem] = useState<string>()
  const { kind, token, wallet } = filter
  const read = async (cursor?: string) =>
    await client.page('GET /api/v1/spot/transfers', {
      query: {
        limit: PAGE,
        ...(kind !== '' && { kind: kind as Kind }),
        ...(token !== '' && { token }),
        ...(wallet !== '' && { wallet: wallet as 'spot' | 'perp' }),
        ...(cursor !== undefined && { cursor }),
      },
    })
  const show = (page: { items: Entry[]; next: string | undefined }, before: Entry[]) => {
    setItems([...before, ...page.items])
    setNext(page.next)
    setProblem(undefined)
  }
  const failed = (error: unknown) => setProblem(faultOf(error).text)
  useEffect(() => setItems(undefined), [kind, token, wallet])
  useSettled(changes, () => void read().then((page) => show(page, []), failed), [kind, token, wallet])
  const choose = (name: keyof Filter) => (value: string) => setFilter({ ...filter, [name]: value })
  const tools = (
    <div class="filters">
      <Select label="Kind" value={kind} options={[ALL, ...Object.entries(KINDS)]} onChange={choose('kind')} />
      <Select
        label="Token"
        value={token}
        options={[ALL, ...tokens.map(({ symbol }) => [symbol, symbol] as const)]}
        onChange={choose('token')}
      />
      <Select
        label="Wallet"
        value={wallet}
        options={[ALL, ['spot', 'Spot'], ['perp', 'Perp']]}
        onChange={choose('wallet')}
      />
    </div>
  )
  return (
    <Card title="History" area="history" tools={tools}>
      {problem !== undefined && <p class="told bad">{problem}</p>}
      {items?.length === 0 && <p class="empty">Nothing here yet.</p>}
      {items !== undefined && items.length > 0 && <Table items={items} />}
      {next !== undefined && (
        <button
          type="button"
          class="quiet"
          onClick={() => void read(next).then((page) => show(page, items ?? []), failed)}
        >
          Show older
        </button>
      )}
    </Card>
  )
}

function Table({ items }: { items: Entry[] }) {
  return (
    <table class="history-table">
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">What</th>
          <th scope="col">Wallet</th>
          <th scope="col">Available</th>
          <th scope="col">Frozen</th>
          <th scope="col">After</th>
          <th scope="col">With</th>
        </tr>
      </thead>
      <tbody>
        {items.map((item) => (
          <tr key={item.id}>
            <td class="when">{timeText(item.created_at)}</td>
            <td class="kind">{KINDS[item.kind]}</td>
            <td class="wallet-name">{item.wallet}</td>
            <td class="delta">
              <Delta value={item.available_delta} token={item.token} />
            </td>
            <td class="delta frozen">
              {!isZero(item.frozen_delta) && <Delta value={item.frozen_delta} token={item.token} />}
            </td>
            <td class="after amount">{grouped(item.available_after)}</td>
            <td class="with mono">{partyOf(item)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Delta({ value, token }: { value: string; token: string }) {
  const way = isZero(value) ? 'none' : value.startsWith('-') ? 'less' : 'more'
  return (
    <span class={`amount ${way}`}>
      {isZero(value) ? '0' : signed(value)} {token}
    </span>
  )
}

const partyOf = ({ counterparty }: Entry): string =>
  counterparty === null
    ? '–'
    : counterparty.wallet === 'system'
      ? counterparty.account
      : `${shortened(counterparty.account)} ${counterparty.wallet}`
