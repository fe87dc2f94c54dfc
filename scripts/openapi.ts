/**
 * `npm run openapi`: writes functions/openapi.json, the reference page's files and the client's types from the endpoint
 * objects. `-- --check` writes nothing and fails when one of them is not what it would write.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generatedFiles, readProjectFile } from './openapi/generated.ts'
import { argumentsOrExit } from './stack/command.ts'
import { projectRoot } from './stack/manifest.ts'

async function main(checkOnly: boolean): Promise<void> {
  const files = Object.entries(await generatedFiles())
  const stale = files.filter(
    ([path, text]) => !existsSync(join(projectRoot, path)) || readProjectFile(path) !== text,
  )
  if (checkOnly && stale.length > 0) {
    console.error(`not up to date: ${stale.map(([path]) => path).join(', ')}; run \`npm run openapi\``)
    process.exit(1)
  }
  if (!checkOnly) for (const [path, text] of stale) writeFileSync(join(projectRoot, path), text)
  console.log(stale.length === 0 ? 'up to date' : `wrote ${stale.map(([path]) => path).join(', ')}`)
}

const { values } = argumentsOrExit({
  usage: 'usage: npm run openapi [-- --check]',
  options: { check: { type: 'boolean', default: false } },
})
await main(values.check)
