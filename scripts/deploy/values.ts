/** The functions' variables as deploy.json gives them, judged by the schemas of the functions that read them. */
import * as z from 'zod/mini'
import type { Declared } from '../deploy-check/declared.ts'
import { JOB_OF, type Deployment, type DeploySettings } from './settings.ts'

/** One of them is enough for a function that reads sessions, so that `secrets.required` can insist on neither. */
export const SESSION_KEYS: readonly string[] = ['JWT_SECRET', 'JWT_PRIVATE_KEY']

export type ChainSettings = Pick<DeploySettings, 'chain' | 'signer' | 'variables'>

/** Plain variables: those with a place of their own in deploy.json, then the rest. */
export function plainVariables({ chain, signer, variables }: ChainSettings): Record<string, string> {
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

/**
 * One line for each variable or secret that is missing, malformed or nobody's. No line has a secret in it. `declared` is
 * of the functions that are deployed, `everybody` of all there are: what one of them reads may be given although it is
 * left out here.
 */
export function valueProblems(
  { settings, secrets }: Deployment,
  declared: readonly Declared[],
  everybody: readonly Declared[],
  required: readonly string[],
): string[] {
  const known = new Set(everybody.flatMap(({ variables }) => Object.keys(variables)))
  const schemas = Object.assign({}, ...declared.map(({ variables }) => variables)) as Declared['variables']
  const secretNames = new Set(everybody.flatMap((one) => one.secrets))
  const values = plainVariables(settings)
  const readsSessions = SESSION_KEYS.some((name) => name in schemas)
  const wrong = Object.entries(schemas).flatMap(([name, schema]) => {
    if (name in JOB_OF) return []
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
      return known.has(name) ? [] : [`variables.${name}: no function reads it`]
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
