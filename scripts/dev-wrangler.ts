/** `npm run dev:wrangler -- [--port 8788] [arguments of wrangler dev]`: the functions by `wrangler dev`, beside `npm run dev`. */
import './stack/forget-shell.ts'
import { localFolder, readManifest } from './stack/manifest.ts'
import { command, UsageError } from './stack/command.ts'
import { startWranglerDev } from './stack/wrangler-dev.ts'

await command(async () => {
  // Says what to do where no stack runs.
  readManifest()
  const args = process.argv.slice(2)
  const at = args.indexOf('--port')
  const given = at < 0 ? '8788' : (args.splice(at, 2)[1] ?? '')
  const port = Number(given)
  if (!/^\d{1,5}$/.test(given) || port > 65_535) throw new UsageError(`--port ${given} is not a port`)
  const wrangler = await startWranglerDev({ folder: localFolder, port, args, stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => wrangler.kill(signal))
  process.exitCode = await new Promise<number>((resolve) =>
    wrangler.once('close', (code) => resolve(code ?? 0)),
  )
})
