/** The two steps before a deployment as commands: `npm run deploy -- kms` and `npm run deploy -- vault`. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Hex } from 'viem'
import { defaultSecretFile, readSecrets } from './secret-values.ts'
import { readDeploySettings } from './settings.ts'

/**
 *   --region, --alias, --user   how they are called
 *   --run                       runs the commands with the AWS CLI, instead of printing them
 *   --replace-policy            with it: a key that the alias has already gets our policy
 *   --address                   reads a public key from stdin, and prints its address
 */
export async function kms(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      region: { type: 'string', default: 'eu-central-1' },
      alias: { type: 'string', default: 'tidegate-signer' },
      user: { type: 'string', default: 'tidegate-signer' },
      run: { type: 'boolean', default: false },
      'replace-policy': { type: 'boolean', default: false },
      address: { type: 'boolean', default: false },
    },
  })
  const { addressOfPublicKey, awsCli, kmsCommands, makeSigner } = await import('./kms.ts')
  if (values.address) return console.log(addressOfPublicKey(readFileSync(0, 'utf8')))
  if (!values.run) return console.log(kmsCommands(values))
  const options = { ...values, replacePolicy: values['replace-policy'] }
  const made = makeSigner(options, awsCli(values.region), (line) => console.log(line))
  console.log(
    `deploy.json: "signer": { "region": "${values.region}", "keyId": "${made.keyId}", "address": "${made.address}" }`,
  )
  console.log('.deploy.secrets.json, shown once:')
  console.log(
    JSON.stringify(
      { AWS_ACCESS_KEY_ID: made.accessKeyId, AWS_SECRET_ACCESS_KEY: made.secretAccessKey },
      null,
      2,
    ),
  )
}

/**
 *   --config, --env, --secrets   as for a deployment; RPC_URL is a secret of it
 *   --new --owner <address>      deploys ours; DEPLOYER_KEY is a secret that is needed for it alone
 */
export async function vault(args: string[], env: Record<string, string | undefined>): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      config: { type: 'string', default: 'deploy.json' },
      env: { type: 'string' },
      secrets: { type: 'string' },
      new: { type: 'boolean', default: false },
      owner: { type: 'string' },
    },
  })
  const settings = readDeploySettings(values.config, values.env)
  const names = ['RPC_URL', ...(values.new ? ['DEPLOYER_KEY'] : [])]
  const file = values.secrets ?? defaultSecretFile(values.env)
  const { values: secrets, problems } = readSecrets(names, { file, env })
  if (problems.length > 0) throw new Error(problems.join('\n'))
  // Loaded once the files are known to be well: it takes seconds.
  const { deployVault, vaultArguments, vaultProblems } = await import('./vault.ts')
  const { withoutAddresses } = await import('./nodes.ts')
  const { isAddress } = await import('viem')
  const rpcUrl = secrets.get('RPC_URL') ?? ''
  if (!values.new) {
    const found = await withoutAddresses(vaultProblems(settings, rpcUrl))
    if (found.length > 0) throw new Error(found.join('\n'))
    return console.log(
      `the vault ${settings.chain.vault} is as ${values.config} says: signer, domain and code`,
    )
  }
  const { owner } = values
  const key = secrets.get('DEPLOYER_KEY') ?? ''
  if (owner === undefined || !isAddress(owner))
    throw new Error('--owner: say which address shall own the vault')
  if (!/^0x[0-9a-fA-F]{64}$/.test(key)) throw new Error('DEPLOYER_KEY must be 0x and 64 hex digits')
  console.log(`SpotVault ${JSON.stringify(vaultArguments(settings, owner))}`)
  const { address, block } = await withoutAddresses(deployVault(settings, rpcUrl, key as Hex, owner))
  console.log(`deployed: "vault": "${address}", "vaultDeployBlock": ${block}`)
}
