/** The published vectors: seeds main 32×0x01, sub 32×0x02, agent 32×0x03. */
export const NOW = 1760000000000
export const MAIN = 'AKnL4NNf3DGWZJS6cPknBuEGnVsV4A4m5tgebLHaRSZ9'
export const SUB = '9hSR6S7WPtxmTojgo6GG3k4yDPecgJY292j7xrsUGWBu'
export const AGENT = 'GyGKxMyg1p9SsHfm15MkNUu1u9TN2JtTspcdmrtGUdse'

export const TRANSFER = {
  type: 'transfer_spot_asset',
  fields: ['to_account', 'symbol', 'amount', 'idempotency_key'],
  agentMaySign: true,
} as const
export const TRANSFER_DATA = {
  to_account: SUB,
  symbol: 'SOL',
  amount: '1.50000000',
  idempotency_key: 'f47ac10b-58cc-4372-a567-0e02b2c3d479',
} as const
export const TRANSFER_TEXT =
  '{"data":{"amount":"1.50000000","idempotency_key":"f47ac10b-58cc-4372-a567-0e02b2c3d479","symbol":"SOL","to_account":"9hSR6S7WPtxmTojgo6GG3k4yDPecgJY292j7xrsUGWBu"},"expiry_window":30000,"timestamp":1760000000000,"type":"transfer_spot_asset"}'

export const BY_MAIN =
  '4MLr7BeLE1XgWpzBsduNb7K8vyMzptFYmbnGmEjT9FpTZ9R8eJt3J46afUqo4AePUX3V5EzUhv5WtWwKPF2Czhy5'
export const BY_AGENT =
  '5Masahm7DbsyK6Rj4RLkNgTTUtSKa41Rzsr5bHYgRoxVEn1wVNiAUr4wSSFdn7kSLXQtQbL5cpri4JUMGAiv4TrX'
export const BY_MAIN_IN_ENVELOPE = {
  legacy: '5Gn99VE3qssjPGxtb4r6YtVzq5UssrXYQzHtgJ8veietXrxHoPhYLqjgobAD1rAnjoCtu5z5Ev3f5jiwkRvV56LD',
  v0: '3DQSXheZdE9FVcAYirP8fpuNWoroEc6BEEuPxevMYDE2q4rQtFggsLBwQNf6GmZ9HXS8m11dFrygQmKUxxLCo99J',
  v1: 'ZjgLJKPYiwghVzwWxhGmf2yqLiZtzaHTaxMedcniNQae8MTAXfgcUr9gzgbH9SEvrFh4NkQxaqxrZzW3jnwxtQD',
} as const
export const INITIATE_BY_SUB =
  '3FCgic6dd19b8Maggpb7hzyHXryFZHUjXtsPNM6yKFrM6qGxzdweeKXEop1sUnikMwaqCmnQDdHP36DrhyCsPrtY'
export const CONFIRM_BY_MAIN =
  '63pGV5FFA4ZmsScysU3esGitTnJhNnijw9DRdqSZwfu3owyU4fbeUVoqB8T23CYGEqdQV3YuSvK5ffQeoqbc3262'

/** A key, text and signature of a real hardware wallet, over the legacy layout. */
export const HARDWARE_PAIR = {
  key: '4fwzf5RUcptqpMTYjNhXVuYabeX9bF1patCSYTkMufFN',
  text: 'hey there',
  signature: '3zHMng1qyLHbPTBw1YxBVwJGBWhkqRrX6JipKqmWiT9P4oMEuacqdjvWEbHaG6CbMF6rYL4e22qkP7zcY8FP4Bfr',
} as const

/** The flat body of the vectors, signed by main. */
export const transferBody = (change: Record<string, unknown> = {}): Record<string, unknown> => ({
  account: MAIN,
  ...TRANSFER_DATA,
  timestamp: NOW,
  expiry_window: 30000,
  signature: BY_MAIN,
  ...change,
})
