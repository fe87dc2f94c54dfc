/** Something that moves money, done once: a repeat of what may have been done already goes under the same key. */
import { useRef, useState } from 'preact/hooks'
import { faultOf, type Fault } from './api.ts'

export interface Job<T> {
  isBusy: boolean
  /** What the last run answered. */
  result: T | undefined
  fault: Fault | undefined
  run(): Promise<void>
  clear(): void
}

/**
 * @param work gets the idempotency key of this run. It repeats itself what may be repeated: a wallet that said no must not be
 *   asked again by itself
 */
export function useJob<T>(work: (key: string) => Promise<T>, onDone?: (result: T) => void): Job<T> {
  const [isBusy, setBusy] = useState(false)
  const [result, setResult] = useState<T>()
  const [fault, setFault] = useState<Fault>()
  const isRunning = useRef(false)
  const key = useRef<string | undefined>(undefined)
  const clear = () => {
    setResult(undefined)
    setFault(undefined)
  }
  const run = async () => {
    // Not the state: two clicks may come before it is drawn.
    if (isRunning.current) return
    isRunning.current = true
    clear()
    setBusy(true)
    const mine = (key.current ??= crypto.randomUUID())
    try {
      const answer = await work(mine)
      key.current = undefined
      setResult(() => answer)
      onDone?.(answer)
    } catch (error) {
      const told = faultOf(error)
      if (!told.isUnknown) key.current = undefined
      setFault(told)
    } finally {
      isRunning.current = false
      setBusy(false)
    }
  }
  return { isBusy, result, fault, run, clear }
}
