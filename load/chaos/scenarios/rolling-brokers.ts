/** Every broker is stopped orderly and started again, one after the other, as an operator does it. */
import { NODES } from '../cluster.ts'
import type { Scenario } from '../scenario.ts'

const WHOLE_WITHIN_MS = 90_000

export const rollingBrokers: Scenario = {
  name: 'rolling-brokers',
  about: 'rolling restart of the brokers',
  seconds: 30,
  expects: ['broker restarted'],
  async run({ cluster, watch, struck, measured, prefix, say }, untilMs) {
    do {
      const began = performance.now()
      for (const node of NODES) {
        await cluster.kill(node, 'SIGTERM')
        await cluster.start(node)
        await cluster.wholeAgain(prefix, WHOLE_WITHIN_MS)
        struck.count('broker restarted')
      }
      const ms = watch.longestStillness(began, performance.now())
      measured.brokerGapsMs.push(ms)
      say(`longest gap in a rolling restart of the brokers: ${Math.round(ms)} ms`)
    } while (performance.now() < untilMs)
  },
}
