/** The functions' variables as deploy.json gives them, judged by the schemas of the functions that read them. */
import * as z from 'zod/mini'
import type { Declared } from '../deploy-check/declared.ts'
import { LOGIN_OF, type Deployment, type DeploySettings } from './settings.ts'

const SESSION_KEYS = ['JWT_SECRET', 'JWT_PRIVATE_KEY']

/** Plain variables: those with a place of their own in deploy.json, then the rest. */
export function plainVariables({ chain, signer, variables }: DeploySettings): Record<string, string> {
  return {
    CHAIN_ID: String(chain.id),
    VAULT_ADDRESS: chain.vault,
    VAULT_DEPLOY_BLOCK: String(chain.vaultDeployBlock),
    AWS_REGION: signer.region,
    KMS_KEY_ID: signer.keyId,
    SIGNER_ADDRESS: signer.address,
    ...variables,
  }
}

/** One line for each variable or secret that is missing, malformed or nobody's. No line has a secret in it. */
export function valueProblems(
  { settings, secrets }: Deployment,
  declared: readonly Declared[],
  required: readonly string[],
): string[] {
  const schemas = Object.assign({}, ...declared.map(({ variables }) => variables)) as Declared['variables']
  const secretNames = new Set(declared.flatMap((one) => one.secrets))
  const values = plainVariables(settings)
  const readsSessions = SESSION_KEYS.some((name) => secretNames.has(name))
  const wrong = Object.entries(schemas).flatMap(([name, schema]) => {
    if (name in LOGIN_OF) return []
    const isSecret = secretNames.has(name)
    const value = isSecret ? secrets.get(name) : values[name]
    const result = z.safeParse(schema, value, { error: z.locales.en().localeError })
    const isThere = value !== undefined || !required.includes(name)
    if (result.success && isThere) return []
    if (value === undefined)
      return [`${name} is missing: ${isSecret ? 'name it in secrets' : 'give it in variables'}`]
    return [
      isSecret
        ? `${name} has not the form it must have`
        : `variables.${name}: ${result.error?.issues[0]?.message}`,
    ]
  })
  return [
    ...Object.keys(settings.variables).flatMap((name) => {
      if (secretNames.has(name)) return [`variables.${name}: is a secret`]
      return name in schemas ? [] : [`variables.${name}: no function reads it`]
    }),
    ...settings.secrets.flatMap((name) =>
      secretNames.has(name) ? [] : [`secrets: no function reads ${name}`],
    ),
    ...wrong,
    ...(readsSessions && !SESSION_KEYS.some((name) => secrets.has(name))
      ? [`one of ${SESSION_KEYS.join(' and ')} must be named in secrets`]
      : []),
  ]
}
