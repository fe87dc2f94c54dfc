/** Every list of planted faults. */
import type { Area } from './fault.ts'
import { amounts } from './lists/amounts.ts'
import { http } from './lists/http.ts'
import { signer } from './lists/signer.ts'
import { verbs } from './lists/verbs.ts'
import { wallets } from './lists/wallets.ts'

export const AREAS: Area[] = [amounts, http, signer, verbs, wallets]
