/** uuid v7: partitions are by time, through the id. */
export function newId(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  const random = crypto.randomUUID()
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`
}

/** Of a movement: the last bit is 0. */
export const newMovementId = (): string => newId().slice(0, -1) + '02468ace'[Math.floor(Math.random() * 8)]
