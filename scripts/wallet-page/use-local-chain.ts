/** The local chain, moved by hand; there is none where the page is not served by a local stack. */
import { useEffect, useState } from 'preact/hooks'
import { faultOf } from './api.ts'
import { mineBlocks, moveAnHour, readChain, settleNow, type ChainState } from './playground.ts'

export interface LocalChain {
  state: ChainState | undefined
  busy: 'mine' | 'hour' | 'settle' | undefined
  /** What the last button did, or why it did not. */
  said: string | undefined
  /** Grows with each time that the chain was moved. */
  moves: number
  act(name: 'mine' | 'hour' | 'settle'): Promise<void>
}

const LOOK_EVERY_MS = 4_000

export function useLocalChain(isLocal: boolean, onMoved: () => void): LocalChain | undefined {
  const [state, setState] = useState<ChainState>()
  const [busy, setBusy] = useState<LocalChain['busy']>()
  const [said, setSaid] = useState<string>()
  const [moves, setMoves] = useState(0)
  useEffect(() => {
    if (!isLocal) return undefined
    const look = () => void readChain().then(setState, () => undefined)
    look()
    const timer = setInterval(look, LOOK_EVERY_MS)
    return () => clearInterval(timer)
  }, [isLocal])
  if (!isLocal) return undefined
  const act: LocalChain['act'] = async (name) => {
    setBusy(name)
    setSaid(undefined)
    try {
      if (name === 'settle') setSaid(settled(await settleNow()))
      else setState(await (name === 'mine' ? mineBlocks() : moveAnHour()))
      setMoves((count) => count + 1)
      onMoved()
    } catch (error) {
      setSaid(faultOf(error).text)
    } finally {
      setBusy(undefined)
    }
  }
  return { state, busy, said, moves, act }
}

/** A run in one line: what it decided. */
function settled(summary: Record<string, unknown>): string {
  const count = (name: string) => (typeof summary[name] === 'number' ? summary[name] : 0)
  const parts = [
    [count('confirmed'), 'confirmed'],
    [count('expired'), 'expired'],
    [count('deposited'), 'deposited'],
  ] as const
  const told = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`)
  return told.length === 0 ? 'Settled: nothing was due.' : `Settled: ${told.join(', ')}.`
}
