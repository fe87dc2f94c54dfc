/** What each operation takes and answers. Written by `npm run openapi`: do not edit. */
export interface Operations {
  'POST /api/v1/admin/spot/balances/credit': {
    params: undefined
    query: undefined
    body: { "user_address": string; "token": string; "amount": string; "reason"?: string | null }
    answer: { "ok": true }
  }
  'GET /api/v1/auth/nonce/{address}': {
    params: { "address": string }
    query: undefined
    body: undefined
    answer: { "nonce": number; "typed_data": Record<string, unknown> }
  }
  'POST /api/v1/auth/login': {
    params: undefined
    query: undefined
    body: { "address": string; "signature": string; "timestamp": number }
    answer: { "token": string; "expires_at": number }
  }
  'GET /openapi.json': {
    params: undefined
    query: undefined
    body: undefined
    answer: Record<string, unknown>
  }
  'GET /docs': {
    params: undefined
    query: undefined
    body: undefined
    answer: undefined
  }
  'GET /health': {
    params: undefined
    query: undefined
    body: undefined
    answer: { "status": "ok"; "database": "ok" }
  }
  'GET /api/v1/perp/balances': {
    params: undefined
    query: undefined
    body: undefined
    answer: { "balances": ({ "token": string; "available": string; "frozen": string; "version": number })[] }
  }
  'GET /api/v1/spot/balances': {
    params: undefined
    query: undefined
    body: undefined
    answer: { "balances": ({ "token": string; "available": string; "frozen": string; "version": number })[] }
  }
  'POST /api/v1/spot/transfer': {
    params: undefined
    query: undefined
    body: { "token": string; "direction": string; "amount": string }
    answer: { "direction": string; "token": string; "amount": string; "perp_balance_after": string; "spot_balance_after": string; "transfer_id": string; "created_at": number }
  }
  'GET /ws': {
    params: undefined
    query: undefined
    body: undefined
    answer: undefined
  }
  'GET /api/v1/wallet/tokens': {
    params: undefined
    query: undefined
    body: undefined
    answer: { "success": true; "data": ({ "symbol": string; "decimals": number; "chainId": number | null; "contract": string | null; "transferable": boolean; "withdrawable": boolean; "min_withdraw": string })[]; "error": null; "timestamp": number }
  }
}

export type Error = { "error": string; "message": string; "request_id": string }

export type StreamSubscribe = { "type": "subscribe"; "channel": "spot:user:balances" }

export type StreamUnsubscribe = { "type": "unsubscribe"; "channel": "spot:user:balances" }

export type StreamPing = { "type": "ping" }

export type StreamSubscribed = { "type": "subscribed"; "channel": "spot:user:balances" }

export type StreamUnsubscribed = { "type": "unsubscribed"; "channel": "spot:user:balances" }

export type StreamPong = { "type": "pong" }

export type StreamError = { "type": "error"; "code": "INVALID_MESSAGE" | "INVALID_CHANNEL"; "message": string }

export type StreamBalance = { "type": "spot_user_balance"; "channel": "spot:user:balances"; "data": { "token": string; "available": string; "frozen": string; "version": number; "ts": number } }
