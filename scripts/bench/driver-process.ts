import { measure, type Plan } from './driver.ts'

process.on('message', (plan: Plan) => {
  measure(plan).then(
    (measured) => process.send?.({ measured }),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))
