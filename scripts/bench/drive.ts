import { fork } from 'node:child_process'
import { join } from 'node:path'
import type { Measured, Plan } from './driver.ts'

/** The driver's process: it goes when we go. */
export function startDriver() {
  const child = fork(join(import.meta.dirname, 'driver-process.ts'), { serialization: 'advanced' })
  return {
    run: async (plan: Plan): Promise<Measured> =>
      await new Promise((resolve, reject) => {
        child.once('message', (answer: { measured?: Measured; error?: string }) =>
          answer.measured ? resolve(answer.measured) : reject(new Error(answer.error)),
        )
        child.send(plan)
      }),
    stop: () => child.disconnect(),
  }
}

export type Driver = ReturnType<typeof startDriver>
