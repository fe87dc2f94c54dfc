/** Carries a plan out. What was done stays done: a failure says what is missing, and the next run goes on from there. */
import type { CloudflareApi } from './cloudflare.ts'
import type { Plan, Step } from './plan.ts'
import type { Uploader } from './upload.ts'
import { bindsClassOf } from './wanted.ts'

const AT_ONCE = 2

export interface Outcome {
  /** Worker → why not. */
  failed: Map<string, string>
  done: string[]
  /** Never begun, since another failed before. */
  left: string[]
}

export async function applyPlan(
  plan: Plan,
  uploader: Uploader,
  api: CloudflareApi,
  say: (line: string) => void,
): Promise<Outcome> {
  const outcome: Outcome = { failed: new Map(), done: [], left: [] }
  let waiting = plan.steps.filter(({ changes }) => changes.length > 0)
  while (waiting.length > 0 && outcome.failed.size === 0) {
    const ready = waiting.filter(
      ({ worker }) => !waiting.some((other) => bindsClassOf(worker, other.worker.name)),
    )
    const queue = [...ready]
    const work = async () => {
      for (let step = queue.shift(); step; step = queue.shift()) {
        // One that was refused tells what is wrong with the rest, too.
        if (outcome.failed.size > 0) return
        await carryOut(step, uploader, api, outcome, say)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    waiting = waiting.filter((step) => !ready.includes(step))
  }
  const ended = [...outcome.done, ...outcome.failed.keys()]
  const begun = plan.steps.filter(({ changes }) => changes.length > 0).map(({ worker }) => worker.name)
  return { ...outcome, left: begun.filter((name) => !ended.includes(name)) }
}

async function carryOut(
  step: Step,
  uploader: Uploader,
  api: CloudflareApi,
  outcome: Outcome,
  say: (line: string) => void,
): Promise<void> {
  const { name } = step.worker
  try {
    await applyStep(step, uploader, api)
    outcome.done.push(name)
    say(`deployed ${name}`)
  } catch (error) {
    outcome.failed.set(name, (error as Error).message)
    say(`FAILED   ${name}`)
  }
}

async function applyStep(step: Step, uploader: Uploader, api: CloudflareApi): Promise<void> {
  const { worker, bundle } = step
  if (step.upload) await uploader.deploy(worker, bundle)
  if (step.surplusSecrets.length > 0) {
    // Only now: the version that still needed them no longer runs. Each makes a version without our mark.
    for (const name of step.surplusSecrets) await uploader.deleteSecret(worker.name, name)
    await uploader.deploy(worker, bundle)
  }
  if (step.surplusRoutes.length === 0) return
  // wrangler leaves them where the token is not for all zones.
  for (const { id } of await api.routes()) {
    if (step.surplusRoutes.some((one) => one.id === id)) await api.removeRoute(id)
  }
}
