/** What a wallet-signed request brings to a verb once its signature has been checked. */
export interface SignedCaller {
  account: string
  /** The agent that signed, or null when the account did. */
  agent: string | null
  /** SHA-256 (hex) of signer and text: carried out once, over all accounts. */
  digest: string
  /** Unix milliseconds; the last one in which the message is good. */
  expiresAt: number
}
