/**
 * Imported before anything else: what a shell says to wrangler, to the AWS CLI, to git or to Node is of other projects, and could
 * lead a token elsewhere, or change a bundle. `CLOUDFLARE_API_TOKEN` alone is taken. Node itself has read `NODE_OPTIONS` and
 * `NODE_EXTRA_CA_CERTS` before us; no program that we start gets them.
 */
import '../stack/forget-shell.ts'

const STEERING =
  /^(CLOUDFLARE|CF|WRANGLER|WORKERS_CI|MINIFLARE|ESBUILD|DOTENV|GIT)_|^NODE_(OPTIONS|PATH|ENV|EXTRA_CA_CERTS|TLS_REJECT_UNAUTHORIZED|USE_ENV_PROXY)$|^AWS_(ENDPOINT_URL|CA_BUNDLE|DATA_PATH)/

for (const name of Object.keys(process.env))
  if (STEERING.test(name) && name !== 'CLOUDFLARE_API_TOKEN') delete process.env[name]
// Those of its own files, too.
process.env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS = 'true'
