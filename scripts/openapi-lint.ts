/** `npm run openapi:lint`: functions/openapi.json by the rules of Redocly and Spectral, without an error or a warning. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { argumentsOrExit } from './stack/command.ts'
import { projectRoot } from './stack/manifest.ts'

argumentsOrExit({ usage: 'usage: npm run openapi:lint' })

const DOCUMENT = 'functions/openapi.json'
const LINTERS = [
  ['@redocly/cli/bin/cli.js', 'lint', '--config', '.config/redocly.yaml', '--format', 'stylish', DOCUMENT],
  ...[
    [
      '@stoplight/spectral-cli/dist/index.js',
      'lint',
      '--ruleset',
      '.config/spectral.yaml',
      '--fail-severity',
      'hint',
      DOCUMENT,
    ],
  ],
]
/** They tell nobody of it, and ask nobody whether there is a newer one. */
const QUIET = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', NO_COLOR: '1' }

const failed = LINTERS.filter(([script = '', ...args]) => {
  const { status } = spawnSync(process.execPath, [join(projectRoot, 'node_modules', script), ...args], {
    cwd: projectRoot,
    stdio: 'inherit',
    env: { ...process.env, ...QUIET },
  })
  return status !== 0
})
process.exit(failed.length === 0 ? 0 : 1)
