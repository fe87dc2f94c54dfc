import * as groups from '../../functions/_lib/env.ts'

/** Every variable that some function reads. */
export function functionEnvNames(): string[] {
  const shapes = Object.values(groups).filter((group) => typeof group === 'object')
  return [...new Set(shapes.flatMap((shape) => Object.keys(shape)))].sort()
}
