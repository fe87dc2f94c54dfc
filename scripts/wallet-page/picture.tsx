/** A balance over time, drawn from the ledger's own entries: each step is a movement. */
import uPlot from 'uplot'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { grouped, plus } from './amounts.ts'
import type { Entry, Token } from './api.ts'
import { Card, Choice, timeText } from './parts.tsx'
import { useSettled, type Account } from './use-account.ts'

const POINTS_MAX = 200
const HEIGHT = 220

export function Picture({ account, tokens }: { account: Account; tokens: Token[] }) {
  const { client, changes, spot } = account
  const [wallet, setWallet] = useState<'spot' | 'perp'>('spot')
  const [chosen, setChosen] = useState<string>()
  // Until somebody chooses, what the account has most recently got.
  const symbol =
    chosen ?? tokens.find((one) => spot[one.symbol] !== undefined)?.symbol ?? tokens[0]?.symbol ?? ''
  const [entries, setEntries] = useState<Entry[]>([])
  useSettled(changes, () => {
    const query = { token: symbol, wallet, limit: POINTS_MAX }
    void client.call('GET /api/v1/spot/transfers', { query }).then(
      (newestFirst) => setEntries([...newestFirst].reverse()),
      () => undefined,
    )
  }, [symbol, wallet])
  const [at, setAt] = useState<number>()
  const shown = entries[at ?? entries.length - 1]
  const tools = (
    <div class="filters">
      <Choice
        label="Wallet"
        options={[
          ['spot', 'Spot'],
          ['perp', 'Perp'],
        ]}
        value={wallet}
        onChange={setWallet}
      />
      <Choice
        label="Token"
        options={tokens.map((one) => [one.symbol, one.symbol])}
        value={symbol}
        onChange={setChosen}
      />
    </div>
  )
  return (
    <Card title="Balance over time" area="picture" tools={tools}>
      <p class="reading" role="status">
        {shown === undefined ? 'No movement yet.' : reading(shown)}
      </p>
      <Plot entries={entries} onCursor={setAt} label={`${wallet} ${symbol}, ${entries.length} movements`} />
    </Card>
  )
}

const totalOf = ({ available_after: available, frozen_after: frozen }: Entry): string =>
  plus(available, frozen)

const reading = (entry: Entry): string =>
  `${grouped(totalOf(entry))} ${entry.token}` +
  (entry.frozen_after === '0' ? '' : `, of which ${grouped(entry.frozen_after)} frozen`) +
  ` after ${entry.kind.replaceAll('_', ' ')}, ${timeText(entry.created_at)}`

interface PlotProps {
  entries: Entry[]
  label: string
  onCursor: (at: number | undefined) => void
}

function Plot({ entries, label, onCursor }: PlotProps) {
  const box = useRef<HTMLDivElement>(null)
  const dark = useDark()
  const data = useMemo(() => dataOf(entries), [entries])
  const plot = useRef<uPlot>(null)
  useEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const made = new uPlot(optionsFor(element, onCursor), data, element)
    plot.current = made
    const watcher = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }))
    watcher.observe(element)
    return () => {
      watcher.disconnect()
      made.destroy()
    }
    // Colours are read when it is made.
  }, [dark])
  useEffect(() => plot.current?.setData(data), [data])
  return <div class="plot" ref={box} role="img" aria-label={label} />
}

/** Numbers for the eye alone: a pixel is coarser than a float, and whatever is read as text comes from the entry. */
function dataOf(entries: Entry[]): uPlot.AlignedData {
  const last = entries.at(-1)
  const points =
    last === undefined
      ? []
      : [...entries, { ...last, created_at: Math.max(last.created_at, Date.now() / 1000) }]
  return [
    points.map((entry) => entry.created_at),
    points.map((entry) => Number(totalOf(entry))),
    // A line along the axis would say nothing.
    points.map((entry) =>
      points.some((one) => one.frozen_after !== '0') ? Number(entry.frozen_after) : null,
    ),
  ]
}

function optionsFor(element: HTMLElement, onCursor: PlotProps['onCursor']): uPlot.Options {
  const style = getComputedStyle(element)
  const color = (name: string) => style.getPropertyValue(name).trim()
  const font = `12px ${style.fontFamily}`
  const axis = {
    stroke: color('--soft'),
    font,
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
  }
  const paths = uPlot.paths.stepped?.({ align: 1 })
  const line = { ...(paths && { paths }), points: { show: false }, width: 2 }
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    hooks: {
      setCursor: [({ cursor }) => onCursor(cursor.idx ?? undefined)],
    },
    scales: { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.12 : 1] } },
    axes: [axis, { ...axis, size: 64 }],
    series: [
      {},
      { ...line, label: 'Total', stroke: color('--accent'), fill: color('--accent-wash') },
      { ...line, label: 'Frozen', stroke: color('--held'), fill: color('--held-wash'), width: 1.5 },
    ],
  }
}

function useDark(): boolean {
  const query = useMemo(() => matchMedia('(prefers-color-scheme: dark)'), [])
  const [dark, setDark] = useState(query.matches)
  useEffect(() => {
    const listener = () => setDark(query.matches)
    query.addEventListener('change', listener)
    return () => query.removeEventListener('change', listener)
  }, [query])
  return dark
}
