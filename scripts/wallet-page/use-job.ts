/** Something that moves money, done once: a repeat of what may have been done already goes under the same key. */
import { useRef, useState } from 'preact/hooks'
import { faultOf, repeated, type Fault } from './api.ts'

export interface Job<T> {
  isBusy: boolean
  /** What the last run answered. */
  result: T | undefined
  fault: Fault | undefined
  run(): Promise<void>
  clear(): void
}

/** @param work gets the idempotency key of this run */
export function useJob<T>(work: (key: string) => Promise<T>, onDone?: (result: T) => void): Job<T> {
  const [isBusy, setBusy] = useState(false)
  const [result, setResult] = useState<T>()
  const [fault, setFault] = useState<Fault>()
  const key = useRef<string | undefined>(undefined)
  const clear = () => {
    setResult(undefined)
    setFault(undefined)
  }
  const run = async () => {
    if (isBusy) return
    clear()
    setBusy(true)
    const mine = (key.current ??= crypto.randomUUID())
    try {
      const answer = await repeated(async () => await work(mine))
      key.current = undefined
      setResult(() => answer)
      onDone?.(answer)
    } catch (error) {
      const told = faultOf(error)
      if (!told.isUnknown) key.current = undefined
      setFault(told)
    } finally {
      setBusy(false)
    }
  }
  return { isBusy, result, fault, run, clear }
}
