/** Every list of planted faults. */
import type { Area } from './fault.ts'

export const AREAS: Area[] = []
