/** What each operation takes and answers. Written by `npm run openapi`: do not edit. */
export interface Operations {
  'POST /api/v1/admin/spot/balances/credit': {
    params: undefined
    query: undefined
    body: { "user_address": string; "token": string; "amount": string; "reason"?: string | null }
    answer: { "ok": true }
  }
  'POST /api/v1/agent/bind': {
    params: undefined
    query: undefined
    body: { "account": string; "signature": string | { "type": "ed25519" | "raw" | "hardware"; "value": string }; "timestamp": number; "expiry_window"?: number | null; "agent_wallet": string }
    answer: { "success": true; "data": { "account": string; "agent_wallet": string; "created_at": number }; "error": null; "code": null }
  }
  'POST /api/v1/agent/list': {
    params: undefined
    query: undefined
    body: { "account": string; "signature": string | { "type": "ed25519" | "raw" | "hardware"; "value": string }; "timestamp": number; "expiry_window"?: number | null; "agent_wallet"?: null }
    answer: { "success": true; "data": { "agent_wallets": (string)[]; "agents": ({ "agent_wallet": string; "created_at": number })[] }; "error": null; "code": null }
  }
  'POST /api/v1/agent/revoke_all': {
    params: undefined
    query: undefined
    body: { "account": string; "signature": string | { "type": "ed25519" | "raw" | "hardware"; "value": string }; "timestamp": number; "expiry_window"?: number | null; "agent_wallet"?: null }
    answer: { "success": true; "data": { "account": string; "revoked": number }; "error": null; "code": null }
  }
  'POST /api/v1/agent/revoke': {
    params: undefined
    query: undefined
    body: { "account": string; "signature": string | { "type": "ed25519" | "raw" | "hardware"; "value": string }; "timestamp": number; "expiry_window"?: number | null; "agent_wallet": string }
    answer: { "success": true; "data": { "account": string; "agent_wallet": string; "revoked": 1 }; "error": null; "code": null }
  }
  'POST /api/v1/api-keys': {
    params: undefined
    query: undefined
    body: { "label"?: string | null }
    answer: { "id": string; "label": string | null; "created_at": number; "api_key": string }
  }
  'GET /api/v1/api-keys': {
    params: undefined
    query: undefined
    body: undefined
    answer: { "api_keys": ({ "id": string; "label": string | null; "created_at": number })[] }
  }
  'DELETE /api/v1/api-keys/{id}': {
    params: { "id": string }
    query: undefined
    body: undefined
    answer: { "id": string; "revoked_at": number }
  }
  'GET /api/v1/auth/nonce/{address}': {
    params: { "address": string }
    query: undefined
    body: undefined
    answer: { "nonce": number; "typed_data": Record<string, unknown> | null; "message"?: string }
  }
  'POST /api/v1/auth/login': {
    params: undefined
    query: undefined
    body: { "address": string; "signature": string | { "type": "ed25519" | "raw" | "hardware"; "value": string }; "timestamp": number }
    answer: { "token": string; "expires_at": number }
  }
  'POST /api/v1/auth/logout': {
    params: undefined
    query: undefined
    body: { "everywhere"?: boolean | null }
    answer: { "everywhere": boolean; "signed_out_at": number }
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
    query: { "account"?: string; "include"?: "subaccounts" }
    body: undefined
    answer: { "balances": ({ "token": string; "available": string; "frozen": string; "version": number })[]; "subaccounts"?: ({ "account": string; "balances": ({ "token": string; "available": string; "frozen": string; "version": number })[] })[] }
  }
  'GET /api/v1/spot/balances': {
    params: undefined
    query: { "account"?: string; "include"?: "subaccounts" }
    body: undefined
    answer: { "balances": ({ "token": string; "available": string; "frozen": string; "version": number })[]; "subaccounts"?: ({ "account": string; "balances": ({ "token": string; "available": string; "frozen": string; "version": number })[] })[] }
  }
  'GET /api/v1/spot/deposits': {
    params: undefined
    query: { "start"?: number; "end"?: number; "limit"?: number; "cursor"?: string; "status"?: "confirmed" | "unsupported"; "token"?: string }
    body: undefined
    answer: ({ "id": string; "token": string | null; "amount": string | null; "amount_in_wei": string; "chain_id": number; "tx_hash": string; "log_index": number; "block_number": number; "status": "confirmed" | "unsupported"; "created_at": number; "confirmed_at": number | null })[]
  }
  'POST /api/v1/spot/transfer': {
    params: undefined
    query: undefined
    body: { "token": string; "direction": "perp_to_spot" | "spot_to_perp"; "amount": string }
    answer: { "direction": "perp_to_spot" | "spot_to_perp"; "token": string; "amount": string; "perp_balance_after": string; "spot_balance_after": string; "transfer_id": string; "created_at": number }
  }
  'GET /api/v1/spot/transfers': {
    params: undefined
    query: { "kind"?: "perp_to_spot" | "spot_to_perp" | "credit" | "withdraw_reserve" | "withdraw_release" | "withdraw_confirm" | "withdraw_expire" | "withdraw_fee" | "withdraw_paid_after_expiry" | "withdraw_recovered" | "deposit" | "subaccount_spot_transfer" | "subaccount_perp_transfer"; "token"?: string; "wallet"?: "perp" | "spot"; "idempotency_key"?: string; "start"?: number; "end"?: number; "limit"?: number; "cursor"?: string }
    body: undefined
    answer: ({ "id": string; "transfer_id": string; "kind": "perp_to_spot" | "spot_to_perp" | "credit" | "withdraw_reserve" | "withdraw_release" | "withdraw_confirm" | "withdraw_expire" | "withdraw_fee" | "withdraw_paid_after_expiry" | "withdraw_recovered" | "deposit" | "subaccount_spot_transfer" | "subaccount_perp_transfer"; "token": string; "wallet": "perp" | "spot"; "amount": string; "available_delta": string; "frozen_delta": string; "available_after": string; "frozen_after": string; "version": number; "counterparty": { "account": string; "wallet": "perp" | "spot" | "system" } | null; "reference": Record<string, unknown> | null; "created_at": number })[]
  }
  'POST /api/v1/spot/withdraw/request': {
    params: undefined
    query: undefined
    body: { "token": string; "amount": string; "recipient"?: string | null }
    answer: { "id": string; "token": string; "amount": string; "token_contract": string; "amount_in_wei": string; "recipient": string; "nonce": number; "signature": string; "deadline": number; "vault_address": string; "chain_id": number; "status": "signed" }
  }
  'GET /api/v1/spot/withdrawals': {
    params: undefined
    query: { "start"?: number; "end"?: number; "limit"?: number; "cursor"?: string; "status"?: "reserved" | "signed" | "confirmed" | "expired" | "released"; "token"?: string; "idempotency_key"?: string }
    body: undefined
    answer: ({ "id": string; "token": string; "token_contract": string; "amount": string; "amount_in_wei": string; "fee": string; "recipient": string; "chain_id": number; "vault_address": string; "nonce": number; "status": "reserved" | "signed" | "confirmed" | "expired" | "released"; "executable": boolean; "deadline": number; "tx_hash": string | null; "block_number": number | null; "requested_at": number; "confirmed_at": number | null; "signature"?: string })[]
  }
  'GET /api/v1/spot/withdrawals/{id}': {
    params: { "id": string }
    query: undefined
    body: undefined
    answer: { "id": string; "token": string; "token_contract": string; "amount": string; "amount_in_wei": string; "fee": string; "recipient": string; "chain_id": number; "vault_address": string; "nonce": number; "status": "reserved" | "signed" | "confirmed" | "expired" | "released"; "executable": boolean; "deadline": number; "tx_hash": string | null; "block_number": number | null; "requested_at": number; "confirmed_at": number | null; "signature"?: string }
  }
  'GET /ws': {
    params: undefined
    query: undefined
    body: undefined
    answer: StreamAuth | StreamSubscribe | StreamUnsubscribe | StreamPing | StreamAuthResult | StreamSubscribed | StreamUnsubscribed | StreamPong | StreamError | StreamBalance
  }
  'POST /api/v1/account/subaccount/create': {
    params: undefined
    query: undefined
    body: { "main_account": string; "subaccount": string; "main_signature": string | { "type": "ed25519" | "raw" | "hardware"; "value": string }; "sub_signature": string | { "type": "ed25519" | "raw" | "hardware"; "value": string }; "timestamp": number; "expiry_window"?: number | null; "agent_wallet"?: null }
    answer: { "success": true; "data": { "main_account": string; "subaccount": string; "created_at": number }; "error": null; "code": null }
  }
  'POST /api/v1/account/subaccount/list': {
    params: undefined
    query: undefined
    body: { "account": string; "signature": string | { "type": "ed25519" | "raw" | "hardware"; "value": string }; "timestamp": number; "expiry_window"?: number | null; "agent_wallet"?: string | null }
    answer: { "success": true; "data": { "subaccounts": ({ "address": string; "balance": string; "pending_balance": string; "fee_level": 0; "fee_mode": "auto"; "created_at": number })[] }; "error": null; "code": null }
  }
  'POST /api/v1/account/subaccount/spot_asset/transfer': {
    params: undefined
    query: undefined
    body: { "account": string; "signature": string | { "type": "ed25519" | "raw" | "hardware"; "value": string }; "timestamp": number; "expiry_window"?: number | null; "agent_wallet"?: string | null; "to_account": string; "symbol": string; "amount": string; "idempotency_key"?: string | null }
    answer: { "success": true; "data": { "success": true; "error": null; "transfer_id": string; "created_at": number }; "error": null; "code": null }
  }
  'POST /api/v1/account/subaccount/transfer': {
    params: undefined
    query: undefined
    body: { "account": string; "signature": string | { "type": "ed25519" | "raw" | "hardware"; "value": string }; "timestamp": number; "expiry_window"?: number | null; "agent_wallet"?: string | null; "to_account": string; "amount": string }
    answer: { "success": true; "data": { "success": true; "error": null; "transfer_id": string; "created_at": number }; "error": null; "code": null }
  }
  'GET /api/v1/time': {
    params: undefined
    query: undefined
    body: undefined
    answer: { "time": number; "time_ms": number }
  }
  'GET /api/v1/wallet/tokens': {
    params: undefined
    query: undefined
    body: undefined
    answer: { "success": true; "data": ({ "symbol": string; "decimals": number; "chainId": number | null; "contract": string | null; "transferable": boolean; "withdrawable": boolean; "min_withdraw": string })[]; "error": null; "timestamp": number }
  }
  'GET /': {
    params: undefined
    query: undefined
    body: undefined
    answer: undefined
  }
}

export type Error = { "error": string; "message": string; "request_id": string }

export type SignedError = { "success": boolean; "data": Record<string, unknown> | null; "error": string; "code": number; "error_id": string; "request_id": string }

export type StreamAuth = { "type": "auth"; "token": string }

export type StreamSubscribe = { "type": "subscribe"; "channel": "spot:user:balances"; "token"?: string }

export type StreamUnsubscribe = { "type": "unsubscribe"; "channel": "spot:user:balances" }

export type StreamPing = { "type": "ping" }

export type StreamAuthResult = { "type": "auth_result"; "success": boolean; "message": string }

export type StreamSubscribed = { "type": "subscribed"; "channel": "spot:user:balances" }

export type StreamUnsubscribed = { "type": "unsubscribed"; "channel": "spot:user:balances" }

export type StreamPong = { "type": "pong" }

export type StreamError = { "type": "error"; "code": "INVALID_MESSAGE" | "INVALID_CHANNEL" | "AUTH_REQUIRED"; "message": string }

export type StreamBalance = { "type": "spot_user_balance"; "channel": "spot:user:balances"; "data": { "token": string; "available": string; "frozen": string; "version": number; "ts": number } }
