/** Who signs a withdrawal, and who is asked and told meanwhile, for one call. */
import type { Address } from 'viem'
import type { Database, Push } from '../../../db/client.ts'
import type { NodesEnv } from '../chain/nodes.ts'
import { vaultDomainOf, type VaultNames } from '../vault/vault.ts'
import type { Witness } from '../witness/witness.ts'
import { readVaultCounter } from './counter.ts'
import { signerOf } from './kms.ts'
import type { Authority } from './withdrawal.ts'

type AuthorityEnv = Parameters<typeof signerOf>[0] & NodesEnv & VaultNames & { SIGNER_ADDRESS: Address }

export function authorityOf(
  env: AuthorityEnv,
  db: Database,
  witness: Witness,
  { push, after }: { push: (pushes: Push[]) => void; after: (work: Promise<unknown>) => void },
): Authority {
  return {
    db,
    signer: signerOf(env),
    domain: vaultDomainOf(env),
    readCounter: async (account) => await readVaultCounter(env, account),
    addReservation: async (id) => await witness.addReservation(id, env.SIGNER_ADDRESS),
    keepSignature: async (id, signature) => await witness.keepSignature(id, signature),
    addSigned: (id) => after(witness.addSigned(id)),
    push,
  }
}
