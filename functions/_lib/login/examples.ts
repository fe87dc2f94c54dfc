/** What the reference shows as a login to be signed. */
export const TYPED_DATA_EXAMPLE = {
  domain: {
    name: 'Tidegate',
    version: '1',
    chainId: 31337,
    verifyingContract: '0x8464135c8f25da09e49bc8782676a84730c318bc',
  },
  primaryType: 'Login',
  types: {
    Login: [
      { name: 'wallet', type: 'address' },
      { name: 'nonce', type: 'uint256' },
      { name: 'timestamp', type: 'uint256' },
    ],
  },
  message: { wallet: '0x70997970c51812dc3a010c7d01b50e0d17dc79c8', nonce: 0, timestamp: 1_760_000_000 },
}

export const MESSAGE_EXAMPLE =
  '{"data":{"chain_id":31337,"domain":"Tidegate","nonce":0,"verifying_contract":"0x8464135c8f25da09e49bc8782676a84730c318bc","version":"1","wallet":"AKnL4NNf3DGWZJS6cPknBuEGnVsV4A4m5tgebLHaRSZ9"},"timestamp":1760000000,"type":"login"}'
