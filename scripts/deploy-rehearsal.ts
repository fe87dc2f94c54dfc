/**
 * `npm run deploy:rehearse`: deploys everything with the real wrangler to a stand-in for Cloudflare that keeps its rules,
 * first each function as a Worker of its own, then all in one, and uses what was deployed as a person would.
 */
import './stack/forget-shell.ts'
import { argumentsOrExit } from './stack/command.ts'
import { smokeDeployed } from './stack/deployed-smoke.ts'
import { startRehearsal, type Rehearsal } from './stack/rehearsal.ts'

argumentsOrExit({ usage: 'usage: npm run deploy:rehearse' })
const ENVIRONMENT = 'staging'
const WAYS = [
  { options: [], cronWorker: `tidegate-settle-${ENVIRONMENT}` },
  { options: ['--single'], cronWorker: `tidegate-${ENVIRONMENT}` },
]

async function deploy(rehearsal: Rehearsal, ...options: string[]): Promise<void> {
  console.log(`\n$ npm run deploy -- ${['--env', ENVIRONMENT, ...options].join(' ')}`)
  const { code } = await rehearsal.deploy('--env', ENVIRONMENT, ...options)
  if (code !== 0) throw new Error(`npm run deploy ended with ${code}`)
}

async function main(): Promise<void> {
  const rehearsal = await startRehearsal({ onOutput: (chunk) => process.stdout.write(chunk) })
  try {
    for (const { options, cronWorker } of WAYS) {
      const begun = performance.now()
      await deploy(rehearsal, ...options)
      await smokeDeployed(rehearsal, { host: `${ENVIRONMENT}.${rehearsal.host}`, cronWorker })
      console.log(`deployed, and used, within ${Math.round((performance.now() - begun) / 1000)} s`)
      await deploy(rehearsal, '--destroy')
    }
  } catch (error) {
    console.error(rehearsal.workerLog())
    throw error
  } finally {
    await rehearsal.stop()
  }
}

try {
  await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
