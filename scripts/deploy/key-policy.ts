/** The signing key's policy, and what a key that is there already has instead. */

/**
 * The account may look after the key and never sign: no policy that somebody else in it has can grant that. The one user signs
 * digests, and reads the public half.
 */
export function keyPolicy(account: string, user: string): object {
  const care = [
    'Describe*',
    'List*',
    'Get*',
    'Enable*',
    'Disable*',
    'Put*',
    'Update*',
    'CreateAlias',
    'Delete*',
    'Revoke*',
  ]
  const end = ['TagResource', 'UntagResource', 'ScheduleKeyDeletion', 'CancelKeyDeletion']
  const signer = { AWS: `arn:aws:iam::${account}:user/${user}` }
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'Care',
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${account}:root` },
        Action: [...care, ...end].map((action) => `kms:${action}`),
        Resource: '*',
      },
      {
        Sid: 'Sign',
        Effect: 'Allow',
        Principal: signer,
        Action: 'kms:Sign',
        Resource: '*',
        Condition: {
          StringEquals: { 'kms:SigningAlgorithm': 'ECDSA_SHA_256', 'kms:MessageType': 'DIGEST' },
        },
      },
      { Sid: 'Read', Effect: 'Allow', Principal: signer, Action: 'kms:GetPublicKey', Resource: '*' },
    ],
  }
}

/**
 * One line for each statement that only one of them has: `- ` for what the key has, `+ ` for what it would get. How AWS writes
 * the same thing (the order of members and of lists, one string for a list of one) is no difference.
 */
export function policyDifference(present: string, wanted: object): string[] {
  const [has, gets] = [statementsOf(present), statementsOf(JSON.stringify(wanted))]
  return [
    ...has.filter((one) => !gets.includes(one)).map((one) => `- ${one}`),
    ...gets.filter((one) => !has.includes(one)).map((one) => `+ ${one}`),
  ]
}

function statementsOf(policy: string): string[] {
  let parsed: { Statement?: unknown }
  try {
    parsed = JSON.parse(policy) as { Statement?: unknown }
  } catch {
    return [policy]
  }
  return [parsed.Statement ?? []].flat().map((statement) => JSON.stringify(canonical(statement)))
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(canonical).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
    return items.length === 1 ? items[0] : items
  }
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(members.map(([name, member]) => [name, canonical(member)]))
}
